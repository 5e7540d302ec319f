"""What the manifest says of a recogniser is what is done with the face."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from board.demo.portraits import Faces, camera_frame
from firmware.face.align import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from firmware.face.embed import Embedder, unit
from firmware.face.engine import FaceEngine
from firmware.face.geometry import Points
from firmware.face.manifest import Recogniser, load_manifest
from firmware.tflite import Floats, Interpreter

Embed = Callable[[Recogniser, Image.Image, Points], Floats]


@pytest.fixture(scope="module")
def activations(manifest_path) -> Recogniser:
    """The recogniser that gives activations, laid in by a square."""
    (found,) = (one for one in load_manifest(manifest_path).recognisers if one.root)
    return replace(found, mirror=False)


@pytest.fixture(scope="module")
def embed(activations: Recogniser, models_dir) -> Embed:
    interpreter = Interpreter(activations.file.read(models_dir))
    return lambda recogniser, picture, mesh: Embedder([(recogniser, interpreter)]).embed(picture, mesh).vector


@pytest.fixture(scope="module")
def seen(engine: FaceEngine, faces: Faces) -> tuple[Image.Image, Points]:
    frame = camera_frame(faces.patient)
    mesh = engine.look(frame).mesh
    assert mesh is not None
    return Image.fromarray(frame), mesh


def test_roots_of_the_activations_are_compared(activations: Recogniser, embed: Embed, seen) -> None:
    plain = embed(replace(activations, root=False), *seen)
    assert embed(activations, *seen) == pytest.approx(unit(np.sqrt(plain)), abs=1e-6)


def test_colours_are_fed_in_the_order_that_the_manifest_names(activations: Recogniser, embed: Embed, seen) -> None:
    picture, mesh = seen
    swapped = Image.merge("RGB", picture.split()[::-1])
    other_order = replace(activations, bgr=not activations.bgr)
    expected = embed(activations, picture, mesh)
    assert embed(other_order, swapped, mesh) == pytest.approx(expected, abs=1e-6)
    assert embed(other_order, picture, mesh) @ expected < 0.999


def test_each_colour_has_a_mean_of_its_own_taken_off(activations: Recogniser, embed: Embed, seen) -> None:
    picture, mesh = seen
    picture = picture.point(lambda value: min(value, 240))
    brighter = np.asarray(picture) + np.array([15, 10, 5], np.uint8)
    black = replace(activations, subtract=activations.subtract * 0)
    moved = replace(black, subtract=np.array([5, 10, 15], np.float32))  # blue first, as they are fed
    square_inside = mesh * 0.5 + np.array(picture.size) / 4  # nothing of the black around the picture is seen
    found = embed(moved, Image.fromarray(brighter), square_inside)
    assert found == pytest.approx(embed(black, picture, square_inside), abs=1e-4)


def test_the_mirror_image_counts_as_much_as_the_face(activations: Recogniser, embed: Embed, seen) -> None:
    picture, mesh = seen
    mirrored = np.array([picture.width, 0]) + mesh * (-1, 1)
    mirrored[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]] = mirrored[[LEFT_EYE_OUTER, RIGHT_EYE_OUTER]]
    face, image = embed(activations, picture, mesh), embed(activations, ImageOps.mirror(picture), mirrored)
    assert face @ image < 0.999
    assert embed(replace(activations, mirror=True), picture, mesh) @ unit(face + image) > 0.99999
