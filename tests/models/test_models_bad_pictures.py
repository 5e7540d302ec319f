"""Pictures that an evaluation may be given: of any usual kind they are embedded, else the run ends with their line."""

import csv
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from board.demo.portraits import camera_frame, load_faces
from models.build import MANIFEST
from models.evaluate_pairs import Pairs, PairsError, read_pairs
from models.evaluate_scores import embed_pairs

BUILT = Path(__file__).parents[2] / "build/models"


def listed(folder: Path, *names: str) -> Pairs:
    """All compared with the first: once as one person, once as two."""
    file = folder / "pairs.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        rows = [(names[0], name, same, "x") for name in names for same in (1, 0)]
        csv.writer(text).writerows([("path_a", "path_b", "same", "group"), *rows])
    return read_pairs(file)


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return Image.fromarray(camera_frame(load_faces().patient))


def png_of_zeros(width: int, height: int) -> bytes:
    """Black and white, one bit a pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def packed() -> Iterator[bytes]:
        packer = zlib.compressobj(9)
        for _ in range(height):
            yield packer.compress(bytes(1 + -(-width // 8)))
        yield packer.flush()

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", b"".join(packed())), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_pictures_of_any_usual_kind_are_embedded_alike(tmp_path: Path, portrait: Image.Image) -> None:
    pictures = {
        "plain.png": portrait,
        "grey.png": portrait.convert("L"),
        "transparent.png": portrait.convert("RGBA"),
        "grey_transparent.png": portrait.convert("LA"),
        "palette.png": portrait.quantize(),
        "inks.jpg": portrait.convert("CMYK"),
        "lab.tif": portrait.convert("LAB"),
        "plain.webp": portrait,
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    portrait.save(tmp_path / "moving.gif", save_all=True, append_images=[portrait.rotate(180)])
    vectors = embed_pairs(listed(tmp_path, *pictures, "moving.gif"), MANIFEST, BUILT, print)
    plain = vectors[0]
    alike = [float(plain @ vector / (plain @ plain)) for vector in vectors.values()]
    assert len(alike) == 9
    assert min(alike) > 0.85


def test_pictures_of_one_pixel_or_row_show_no_face(tmp_path: Path, portrait: Image.Image) -> None:
    for size in ((1, 1), (1, 4000), (4000, 1)):
        portrait.resize(size).save(tmp_path / f"{size[0]}.{size[1]}.png")
    assert embed_pairs(listed(tmp_path, "1.1.png", "1.4000.png", "4000.1.png"), MANIFEST, BUILT, print) == {}


def test_large_picture_is_embedded_as_the_same_picture_in_small(tmp_path: Path, portrait: Image.Image) -> None:
    portrait.save(tmp_path / "plain.png")
    portrait.resize((8000, 6000)).save(tmp_path / "large.jpg")
    plain, large = embed_pairs(listed(tmp_path, "plain.png", "large.jpg"), MANIFEST, BUILT, print).values()
    assert float(plain @ large / (plain @ plain)) > 0.95


def test_picture_of_too_many_pixels_ends_the_run_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png_of_zeros(9000, 9000))
    with pytest.raises(PairsError, match=r"line 2: .*large.png has more than 64 million pixels"):
        embed_pairs(listed(tmp_path, "large.png"), MANIFEST, BUILT, print)


def test_bomb_ends_the_run_with_its_line_before_it_is_decoded(tmp_path: Path) -> None:
    bomb = png_of_zeros(30_000, 30_000)
    assert len(bomb) < 200_000
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(PairsError, match=r"line 2: .*bomb.png (cannot be read \(DecompressionBombError\)|has more)"):
        embed_pairs(listed(tmp_path, "bomb.png"), MANIFEST, BUILT, print)


def test_other_picture_named_as_a_card_photo_ends_the_run_with_its_line(tmp_path: Path, portrait: Image.Image) -> None:
    portrait.save(tmp_path / "camera.jp2", "JPEG")
    with pytest.raises(PairsError, match=r"line 2: .*camera.jp2 cannot serve as a card's photo \(not JPEG 2000\)"):
        embed_pairs(listed(tmp_path, "camera.jp2"), MANIFEST, BUILT, print)


def test_folder_in_place_of_a_picture_is_said_before_anything_is_embedded(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PairsError, match=r"line 2: no file .*folder.png"):
        listed(tmp_path, "folder.png")
