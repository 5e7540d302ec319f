"""The demo's faces: photos as a card carries them, people as a camera sees them."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from board.demo.portraits import (
    LABEL,
    Faces,
    PortraitError,
    camera_frame,
    chip_photo,
    extract_portraits,
    load_faces,
)

PORTRAITS = Path(__file__).parents[2] / "build/portraits"


@pytest.mark.parametrize("role", ["card", "patient", "other"])
def test_chip_photo_is_what_a_card_carries(faces: Faces, role: str) -> None:
    content = chip_photo(getattr(faces, role))
    with Image.open(io.BytesIO(content)) as photo:
        assert (photo.format, photo.size, photo.mode) == ("JPEG2000", (320, 400), "RGB")
    assert content[4:8] == b"jP  "
    assert 12_000 < len(content) < 16_000


def test_camera_frame_has_the_size_asked_for(faces: Faces) -> None:
    frame = camera_frame(faces.patient, (320, 240))
    assert (frame.shape, frame.dtype) == ((240, 320, 3), np.uint8)


def test_picture_without_a_face_is_refused() -> None:
    with pytest.raises(PortraitError, match="no face"):
        chip_photo(Image.new("RGB", (400, 400), (90, 120, 150)))


def test_own_pictures_are_taken_by_their_role(tmp_path: Path) -> None:
    for role, colour in (("card", "red"), ("patient", "lime"), ("other", "blue")):
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{role}.png")
    faces = load_faces(tmp_path)
    assert [image.getpixel((0, 0)) for image in (faces.card, faces.patient, faces.other)] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
    ]


def test_missing_role_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "card.png")
    with pytest.raises(PortraitError, match=r"no patient\.jpg"):
        load_faces(tmp_path)


def test_picture_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for role in ("card", "patient", "other"):
        (tmp_path / f"{role}.jpg").write_bytes(b"no picture")
    with pytest.raises(PortraitError, match=r"card\.jpg cannot be opened"):
        load_faces(tmp_path)


def test_extracted_portraits_are_labelled_and_mended(tmp_path: Path) -> None:
    folder = shutil.copytree(PORTRAITS, tmp_path / "portraits")
    (folder / "biden.jpg").write_bytes(b"altered")
    extract_portraits(folder)
    assert (folder / "biden.jpg").read_bytes() == (PORTRAITS / "biden.jpg").read_bytes()
    assert (folder / "LABEL").read_text() == f"{LABEL}\n"
