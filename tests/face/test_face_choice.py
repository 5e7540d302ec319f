"""Of several faces in a picture, whose counts."""

import io

import numpy as np
import pytest
from PIL import Image

from board.demo.portraits import Faces, camera_frame
from firmware.face.engine import FaceEngine, Guidance


def face_of(picture: Image.Image, engine: FaceEngine) -> Image.Image:
    """Head and hair."""
    frame = camera_frame(picture)
    box = engine.look(frame).box
    assert box is not None
    height, width, _ = frame.shape
    left, top, across, down = (part * size for part, size in zip(box, (width, height) * 2, strict=True))
    margin = across * 0.4
    return Image.fromarray(frame).crop((left - margin, top - margin, left + across + margin, top + down + margin))


@pytest.fixture(scope="module")
def two_people(engine: FaceEngine, faces: Faces) -> Image.Image:
    """The patient in the middle; somebody behind who is larger in the picture, at its edge."""
    scene = Image.new("RGB", (900, 480), (120, 125, 130))
    scene.paste(face_of(faces.other, engine).resize((300, 300)), (0, 90))
    scene.paste(face_of(faces.patient, engine).resize((270, 270)), (315, 105))
    return scene


def test_face_in_the_middle_is_the_one_looked_at_though_another_is_larger(
    engine: FaceEngine, two_people: Image.Image
) -> None:
    sighting = engine.look(np.asarray(two_people))
    assert sighting.box is not None
    left, _, width, _ = sighting.box
    assert abs(left + width / 2 - 0.5) < 0.05


def test_larger_face_at_the_edge_is_still_a_rival(engine: FaceEngine, two_people: Image.Image) -> None:
    assert engine.look(np.asarray(two_people)).guidance is Guidance.MANY_FACES


def test_photo_with_somebody_at_its_edge_stands_for_the_one_in_the_middle(
    engine: FaceEngine, faces: Faces, two_people: Image.Image
) -> None:
    photo = io.BytesIO()
    two_people.save(photo, "JPEG2000", no_jp2=False, irreversible=True, quality_layers=[40])
    live = camera_frame(faces.card)
    assert engine.decide(engine.reference(photo.getvalue()), [engine.live(live, engine.look(live))]).match
