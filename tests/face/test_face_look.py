"""What the camera sees, and what the patient is told about it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from board.demo.portraits import Faces, camera_frame
from firmware.face.detect import Face
from firmware.face.engine import FaceEngine, Guidance
from firmware.face.quality import LIMITS, assess

Frame = np.ndarray


@pytest.fixture(scope="module")
def frame(faces: Faces) -> Frame:
    return camera_frame(faces.patient)


def guidance(engine: FaceEngine, image: Image.Image) -> Guidance:
    return engine.look(np.asarray(image)).guidance


def test_face_in_the_middle_is_good_and_boxed(engine: FaceEngine, frame: Frame) -> None:
    sighting = engine.look(frame)
    assert sighting.guidance is Guidance.GOOD
    left, top, width, height = sighting.box
    assert left + width / 2 == pytest.approx(0.5, abs=0.05)
    assert top + height / 2 == pytest.approx(0.5, abs=0.05)
    assert height == pytest.approx(0.4, abs=0.05)
    assert sighting.mesh.shape == (468, 2)


def test_mesh_lies_on_the_face_that_was_boxed(engine: FaceEngine, frame: Frame) -> None:
    sighting = engine.look(frame)
    left, top, width, height = sighting.box
    middle = sighting.mesh.mean(0) / (640, 480)
    assert left < middle[0] < left + width
    assert top < middle[1] < top + height


def test_turned_head_keeps_its_embedding(engine: FaceEngine, frame: Frame) -> None:
    tilted = np.asarray(Image.fromarray(frame).rotate(20, Image.Resampling.BICUBIC))
    upright = engine.live(frame, engine.look(frame)).vector
    again = engine.live(tilted, engine.look(tilted)).vector
    assert float(upright @ again / (upright @ upright)) > 0.98


def test_black_picture_is_too_dark(engine: FaceEngine) -> None:
    assert engine.look(np.zeros((480, 640, 3), np.uint8)).guidance is Guidance.TOO_DARK


def test_empty_wall_has_no_face(engine: FaceEngine) -> None:
    sighting = engine.look(np.full((480, 640, 3), 160, np.uint8))
    assert sighting.guidance is Guidance.NO_FACE
    assert sighting.box is None


def test_live_without_a_sighted_face_is_refused(engine: FaceEngine) -> None:
    wall = np.full((480, 640, 3), 160, np.uint8)
    with pytest.raises(ValueError, match="no face"):
        engine.live(wall, engine.look(wall))


def test_two_people_side_by_side_are_many_faces(engine: FaceEngine, faces: Faces) -> None:
    pair = np.hstack([camera_frame(faces.patient, (320, 480)), camera_frame(faces.other, (320, 480))])
    assert engine.look(pair).guidance is Guidance.MANY_FACES


def test_small_face_is_too_far(engine: FaceEngine, frame: Frame) -> None:
    canvas = Image.new("RGB", (640, 480), (120, 120, 120))
    canvas.paste(Image.fromarray(frame).resize((256, 192)), (192, 144))
    assert guidance(engine, canvas) is Guidance.TOO_FAR


def test_face_that_fills_the_picture_is_too_close(engine: FaceEngine, frame: Frame) -> None:
    close = Image.fromarray(frame).crop((210, 120, 430, 300)).resize((640, 524)).crop((0, 22, 640, 502))
    assert guidance(engine, close) is Guidance.TOO_CLOSE


def test_face_at_the_edge_is_off_centre(engine: FaceEngine, frame: Frame) -> None:
    shifted = Image.new("RGB", (640, 480), (120, 120, 120))
    shifted.paste(Image.fromarray(frame), (180, 0))
    assert guidance(engine, shifted) is Guidance.OFF_CENTRE


def test_dim_face_is_too_dark(engine: FaceEngine, frame: Frame) -> None:
    assert guidance(engine, Image.fromarray((frame * 0.2).astype(np.uint8))) is Guidance.TOO_DARK


def test_face_out_of_focus_is_blurred(engine: FaceEngine, frame: Frame) -> None:
    blurred = Image.fromarray(frame).filter(ImageFilter.GaussianBlur(6))
    assert guidance(engine, blurred) is Guidance.BLURRED


def test_limits_are_data(frame: Frame) -> None:
    face = Face(left=220, top=140, width=200, height=200, points=np.zeros((6, 2)), score=0.9)
    picture = Image.fromarray(frame)
    assert assess(picture, [face]) is Guidance.GOOD
    assert assess(picture, [face], replace(LIMITS, smallest_face=0.5)) is Guidance.TOO_FAR
