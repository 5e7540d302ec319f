"""Pictures made worse for the face benchmark are worse in the way it says."""

import io
from pathlib import Path

import numpy as np
import pytest
from face_effects import FROM_CAMERA, FROM_CARD
from numpy.typing import NDArray
from PIL import Image

from board.demo.portraits import camera_frame, load_faces
from firmware.face.engine import FaceEngine
from firmware.face.geometry import Points
from models.build import MANIFEST

MOUTH, BRIDGE, RIGHT_EYE, LEFT_EYE = [13, 14], [6], [33, 133], [362, 263]
"""Points of the mesh."""


@pytest.fixture(scope="module")
def face() -> tuple[Image.Image, Points]:
    """A portrait, and the mesh on it."""
    frame = camera_frame(load_faces().patient)
    mesh = FaceEngine.load(Path(__file__).parents[2] / "build/models", MANIFEST).look(frame).mesh
    assert mesh is not None
    return Image.fromarray(frame), mesh


def worse(how: str, picture: Image.Image, mesh: Points) -> NDArray[np.float64]:
    return np.asarray(FROM_CAMERA[how](picture, mesh, np.random.default_rng(1)), np.float64)


def at(pixels: NDArray[np.float64], mesh: Points, points: list[int]) -> NDArray[np.float64]:
    """The colour where these points of the mesh have their middle."""
    x, y = mesh[points].mean(0).round().astype(int)
    colour: NDArray[np.float64] = pixels[y - 1 : y + 2, x - 1 : x + 2].mean((0, 1))
    return colour


@pytest.mark.parametrize(("how", "size"), [(name, 8_000 if "8" in name else 15_000) for name in FROM_CARD])
def test_a_photo_takes_as_much_room_as_its_name_says(face: tuple[Image.Image, Points], how: str, size: int) -> None:
    jp2 = FROM_CARD[how](face[0].resize((320, 400)))
    assert 0.9 * size < len(jp2) < 1.02 * size
    with Image.open(io.BytesIO(jp2), formats=["JPEG2000"]) as picture:
        assert picture.size == (320, 400)
        assert picture.mode == ("L" if "grey" in how else "RGB")


def test_low_light_is_a_tenth_with_noise_that_is_the_same_in_every_run() -> None:
    grey, nobody = Image.new("RGB", (64, 64), (200, 200, 200)), np.zeros((468, 2))
    dark = worse("low light", grey, nobody)
    assert dark.mean() == pytest.approx(20, rel=0.02)
    assert dark.std() == pytest.approx((20 * 4 + 4**2) ** 0.5 / 4, rel=0.05)
    assert (dark == worse("low light", grey, nobody)).all()


def test_movement_spreads_an_upright_edge_over_nine_pixels_and_leaves_a_level_one() -> None:
    nobody = np.zeros((468, 2))
    edge = Image.fromarray(np.repeat(np.repeat([[0] * 20 + [255] * 20], 40, 0)[..., None], 3, 2).astype(np.uint8))
    across = worse("moved", edge, nobody)[20, :, 0]
    assert ((across > 0) & (across < 255)).sum() == 8
    level = edge.transpose(Image.Transpose.TRANSPOSE)
    assert (worse("moved", level, nobody) == np.asarray(level)).all()


def test_light_from_the_side_runs_from_a_quarter_to_more_than_all() -> None:
    lit = worse("light from the side", Image.new("RGB", (50, 10), (100, 100, 100)), np.zeros((468, 2)))
    assert lit[0, 0, 0] == 25 and lit[0, -1, 0] == 120


def test_a_small_picture_has_120_pixels_along_its_longer_side() -> None:
    assert worse("120 pixels", Image.new("RGB", (640, 480)), np.zeros((468, 2))).shape == (90, 120, 3)


def test_a_mask_hides_the_mouth_and_leaves_the_eyes(face: tuple[Image.Image, Points]) -> None:
    plain, worn = np.asarray(face[0], np.float64), worse("mask", *face)
    assert abs(at(worn, face[1], MOUTH) - at(plain, face[1], MOUTH)).max() > 30
    assert all((at(worn, face[1], eye) == at(plain, face[1], eye)).all() for eye in (RIGHT_EYE, LEFT_EYE))


def test_glasses_show_the_eyes_and_sunglasses_do_not(face: tuple[Image.Image, Points]) -> None:
    plain, clear, dark = np.asarray(face[0], np.float64), worse("glasses", *face), worse("sunglasses", *face)
    for eye in (RIGHT_EYE, LEFT_EYE):
        assert at(clear, face[1], eye) == pytest.approx(at(plain, face[1], eye), abs=8)
        assert at(dark, face[1], eye).max() < 25
    assert at(clear, face[1], BRIDGE) != pytest.approx(at(plain, face[1], BRIDGE), abs=30)
    assert at(clear, face[1], MOUTH) == pytest.approx(at(plain, face[1], MOUTH), abs=8)
