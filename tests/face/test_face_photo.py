"""The card's photo comes from outside: nothing in it is believed."""

import io
import resource
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from board.demo.portraits import Faces, chip_photo
from firmware.face.engine import FaceEngine, PhotoError
from firmware.face.photo import open_photo


def jp2(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG2000", no_jp2=False, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo(faces: Faces) -> bytes:
    return chip_photo(faces.card)


def refusal(content: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        open_photo(content)
    return caught.value.reason


def test_photo_of_a_card_opens_in_colour(photo: bytes) -> None:
    picture = open_photo(photo)
    assert (picture.size, picture.mode) == ((320, 400), "RGB")


def test_grey_photo_gives_nearly_the_same_embedding(engine: FaceEngine, photo: bytes) -> None:
    grey = jp2(open_photo(photo).convert("L"), quality_mode="rates", quality_layers=[10])
    colour, without = engine.reference(photo).vector, engine.reference(grey).vector
    assert float(colour @ without / (colour @ colour)) > 0.9


def test_photo_without_a_face_is_refused(engine: FaceEngine) -> None:
    with pytest.raises(PhotoError, match="no face"):
        engine.reference(jp2(Image.new("RGB", (320, 400), (120, 90, 60))))


def test_garbage_is_refused() -> None:
    assert refusal(b"\x00" * 500) == "not JPEG 2000"
    assert refusal(b"") == "not JPEG 2000"


def test_other_picture_formats_are_refused(faces: Faces) -> None:
    file = io.BytesIO()
    faces.card.resize((64, 80)).save(file, "PNG")
    assert refusal(file.getvalue()) == "not JPEG 2000"


def test_photo_over_64_kib_is_refused(photo: bytes) -> None:
    assert refusal(photo + bytes(64 << 10)) == "larger than 64 KiB"


def test_photo_cut_at_any_byte_is_refused(photo: bytes) -> None:
    reasons = {refusal(photo[:kept]) for kept in range(len(photo))}
    assert reasons == {"not JPEG 2000", "no codestream", "ends early"}


def test_photos_cut_at_any_byte_that_claim_to_be_whole_are_refused_and_leave_nothing_in_memory(photo: bytes) -> None:
    box = photo.index(b"jp2c") - 4
    endless = photo[:box] + bytes(4) + photo[box + 4 :]
    opened = [open_photo(endless).size]
    before = resident_bytes()
    for kept in range(len(photo) - 2):
        with suppress(PhotoError):
            opened.append(open_photo(endless[:kept] + photo[-2:]).size)
    assert opened == [(320, 400)]
    assert resident_bytes() - before < 4 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "CMYK"])
def test_photo_with_transparency_or_of_inks_is_refused(mode: str) -> None:
    assert refusal(jp2(Image.new(mode, (320, 400)))) == "not a grey or colour picture"


def test_photo_of_16_bits_is_refused() -> None:
    assert refusal(jp2(Image.new("I;16", (320, 400)))) == "more than 8 bits a colour"


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2000, 2000)])
def test_photo_of_an_odd_size_shows_no_face(engine: FaceEngine, size: tuple[int, int]) -> None:
    with pytest.raises(PhotoError, match="no face"):
        engine.reference(jp2(Image.new("L", size)))


def test_picture_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = jp2(Image.new("L", (3000, 3000)))
    assert len(bomb) < 64 << 10
    assert refusal(bomb) == "more than 4 million pixels"


def test_bomb_behind_an_honest_header_is_refused(photo: bytes) -> None:
    start = photo.index(bytes.fromhex("ff4fff51"))
    altered = bytearray(photo)
    struct.pack_into(">II", altered, start + 8, 60000, 60000)
    struct.pack_into(">II", altered, start + 24, 60000, 60000)
    assert refusal(bytes(altered)) == "more than 4 million pixels"


@pytest.mark.parametrize(
    ("at", "header"),
    [(4, struct.pack(">II", 300, 320)), (12, struct.pack(">HB", 1, 7)), (12, struct.pack(">HB", 2, 7))],
    ids=["size", "grey", "two colours"],
)
def test_header_that_contradicts_the_codestream_is_refused(photo: bytes, at: int, header: bytes) -> None:
    altered = bytearray(photo)
    altered[(start := photo.index(b"ihdr") + at) : start + len(header)] = header
    assert refusal(bytes(altered)) == "header and codestream differ"


def test_grey_photo_whose_header_claims_16_bits_is_refused() -> None:
    altered = bytearray(jp2(Image.new("L", (320, 400))))
    altered[altered.index(b"ihdr") + 14] = 15
    assert refusal(bytes(altered)) == "header and codestream differ"


def test_many_small_tiles_are_refused(photo: bytes) -> None:
    altered = bytearray(photo)
    struct.pack_into(">II", altered, photo.index(bytes.fromhex("ff4fff51")) + 24, 1, 1)
    assert refusal(bytes(altered)) == "too many tiles"


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "style",
    [
        {"tile_size": (128, 128)},
        {"codeblock_size": (16, 16), "precinct_size": (64, 64)},
        {"irreversible": True, "quality_mode": "dB", "quality_layers": [30, 34, 38], "progression": "RPCL"},
        {"num_resolutions": 2},
    ],
)
def test_photo_in_any_usual_coding_style_opens(mode: str, style: dict[str, object]) -> None:
    assert open_photo(jp2(Image.linear_gradient("L").resize((160, 200)).convert(mode), **style)).size == (160, 200)


def restyled(size: tuple[int, int], *, precinct: int = 0xFF, layers: int = 1, in_tile: bool = False) -> bytes:
    """A plain grey picture that says so of itself: exponents of the precinct, layers, and where it says it."""
    photo = jp2(Image.new("L", size), num_resolutions=1)
    box, style, tile = photo.index(b"jp2c") - 4, photo.index(b"\xff\x52"), photo.index(b"\xff\x90")
    coding = bytes.fromhex("ff52000d 0100") + struct.pack(">HBBBBBBB", layers, 0, 0, 4, 4, 0, 1, precinct)
    main, after = (b"", coding) if in_tile else (coding, b"")
    headers = photo[:box] + bytes(4) + photo[box + 4 : style] + main + photo[style + 14 : tile]
    part = photo[tile : tile + 6] + bytes(4) + photo[tile + 10 : tile + 12] + after
    return headers + part + photo[tile + 12 :]


def test_coding_style_put_in_by_the_tests_opens() -> None:
    assert open_photo(restyled((320, 400))).size == (320, 400)


def test_small_photo_cut_into_millions_of_pieces_is_refused_before_it_is_decoded() -> None:
    assert refusal(restyled((2000, 2000), precinct=0x00)) == "too many pieces"


def test_large_photo_in_the_smallest_code_blocks_is_refused_before_it_is_decoded() -> None:
    assert refusal(jp2(Image.new("L", (1100, 1100)), codeblock_size=(4, 4))) == "too many pieces"


def test_photo_in_very_many_layers_is_refused_before_it_is_decoded() -> None:
    assert refusal(restyled((320, 400), precinct=0x44, layers=0xFFFF)) == "too many pieces"


def test_tile_that_is_cut_otherwise_than_the_picture_is_refused() -> None:
    assert refusal(restyled((2000, 2000), precinct=0x00, in_tile=True)) == "tile with a coding style of its own"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 14000), st.binary(min_size=1, max_size=8))
def test_damaged_photo_opens_or_is_refused_but_nothing_else(photo: bytes, at: int, noise: bytes) -> None:
    damaged = photo[:at] + noise + photo[at + len(noise) :]
    try:
        picture = open_photo(damaged)
    except PhotoError:
        return
    assert np.asarray(picture).shape == (400, 320, 3)
