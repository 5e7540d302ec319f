"""A camera that gives nonsense: every frame is refused by one declared error, or gets one word of guidance."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from board.demo.portraits import Faces, camera_frame
from firmware.face.engine import FaceEngine, Guidance
from firmware.face.vision import MAX_FRAME_SIDE, FrameError

Frame = np.ndarray


@pytest.fixture(scope="module")
def frame(faces: Faces) -> Frame:
    return camera_frame(faces.patient)


def head(faces: Faces, side: int) -> Image.Image:
    """Little more than the face."""
    return Image.fromarray(camera_frame(faces.patient)).crop((200, 100, 440, 380)).resize((side, side))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda frame: frame[..., 0], id="grey"),
        pytest.param(lambda frame: frame[..., :1], id="grey with an axis"),
        pytest.param(lambda frame: np.dstack([frame, frame[..., 0]]), id="alpha"),
        pytest.param(lambda frame: frame.astype(np.uint16) * 257, id="16 bit"),
        pytest.param(lambda frame: frame / 255, id="fractions"),
        pytest.param(lambda frame: frame > 127, id="black and white"),
        pytest.param(lambda frame: frame[None], id="batch"),
        pytest.param(lambda frame: frame.reshape(-1), id="flat"),
        pytest.param(lambda frame: frame.tobytes(), id="bytes"),
        pytest.param(lambda frame: None, id="nothing"),
    ],
)
def test_frame_of_another_kind_is_refused(engine: FaceEngine, frame: Frame, spoil: Callable[[Frame], object]) -> None:
    spoilt, sighting = spoil(frame), engine.look(frame)
    with pytest.raises(FrameError, match=r"not of uint8 \(height, width, 3\)"):
        engine.look(spoilt)
    with pytest.raises(FrameError, match=r"not of uint8 \(height, width, 3\)"):
        engine.live(spoilt, sighting)


@pytest.mark.parametrize("size", [(0, 0), (0, 640), (480, 0), (1, MAX_FRAME_SIDE + 1), (8000, 8000), (1, 1 << 40)])
def test_frame_of_no_or_too_many_pixels_is_refused_before_it_is_copied(
    engine: FaceEngine, size: tuple[int, int]
) -> None:
    with pytest.raises(FrameError, match=f"sides of 1 to {MAX_FRAME_SIDE} pixels"):
        engine.look(np.broadcast_to(np.uint8(0), (*size, 3)))


def test_largest_frame_is_looked_at_in_bounded_memory(engine: FaceEngine, faces: Faces) -> None:
    canvas = Image.new("RGB", (MAX_FRAME_SIDE, MAX_FRAME_SIDE), "grey")
    canvas.paste(head(faces, MAX_FRAME_SIDE // 2), (MAX_FRAME_SIDE // 4, MAX_FRAME_SIDE // 4))
    large = np.asarray(canvas)
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from now on
    before = peak_bytes()
    sighting = engine.look(large)
    engine.live(large, sighting)
    assert sighting.guidance is Guidance.GOOD
    assert peak_bytes() - before < 256 << 20


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) << 10


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, MAX_FRAME_SIDE), (MAX_FRAME_SIDE, 1), (480, 640)])
@pytest.mark.parametrize(("level", "expected"), [(0, Guidance.TOO_DARK), (255, Guidance.NO_FACE)])
def test_black_frame_is_too_dark_and_white_one_shows_no_face_whatever_its_size(
    engine: FaceEngine, size: tuple[int, int], level: int, expected: Guidance
) -> None:
    assert engine.look(np.full((*size, 3), level, np.uint8)).guidance is expected


def test_noise_shows_no_face(engine: FaceEngine) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    assert engine.look(noise).guidance is Guidance.NO_FACE


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda frame: frame[:, ::-1], id="mirrored"),
        pytest.param(lambda frame: frame[::2, ::2], id="every other pixel"),
        pytest.param(lambda frame: frame[..., ::-1], id="channels turned"),
        pytest.param(np.asfortranarray, id="column by column"),
        pytest.param(lambda frame: np.frombuffer(frame.tobytes(), np.uint8).reshape(frame.shape), id="read-only"),
    ],
)
def test_frame_is_taken_however_it_lies_in_memory(
    engine: FaceEngine, frame: Frame, view: Callable[[Frame], Frame]
) -> None:
    seen = view(frame)
    plain = seen.copy("C")
    assert np.array_equal(engine.live(seen, engine.look(seen)).vector, engine.live(plain, engine.look(plain)).vector)


def test_camera_that_changes_its_size_is_followed(engine: FaceEngine, frame: Frame) -> None:
    first = engine.look(frame)
    assert engine.look(frame[:1, :1]).guidance is Guidance.NO_FACE
    half = engine.look(np.asarray(Image.fromarray(frame).resize((320, 240))))
    again = engine.look(frame)
    assert half.box == pytest.approx(first.box, abs=0.02)
    assert (again.guidance, again.box) == (first.guidance, first.box)


def test_face_cut_by_the_edge_is_off_centre(engine: FaceEngine, frame: Frame) -> None:
    for moved in (240, -240):
        cut = Image.new("RGB", (640, 480), "grey")
        cut.paste(Image.fromarray(frame), (moved, 0))
        assert engine.look(np.asarray(cut)).guidance is Guidance.OFF_CENTRE


def test_crowd_is_many_faces(engine: FaceEngine, faces: Faces) -> None:
    crowd = np.tile(np.asarray(head(faces, 160)), (3, 4, 1))
    assert engine.look(crowd).guidance is Guidance.MANY_FACES


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(-150, 150), y=st.integers(-150, 150), part=st.integers(20, 300), width=st.integers(1, 900),
    height=st.integers(1, 900), angle=st.integers(-60, 60), gain=st.floats(0.05, 4),
)  # fmt: skip
def test_any_part_of_a_picture_turned_stretched_and_lit_gets_a_word_and_a_sighted_face_an_embedding(
    engine: FaceEngine, frame: Frame, x: int, y: int, part: int, width: int, height: int, angle: int, gain: float
) -> None:
    lit = Image.fromarray((frame * gain).clip(0, 255).astype(np.uint8)).rotate(angle)
    spoilt = np.asarray(lit.resize((width, height), box=around(320 + x, 240 + y, part)))
    sighting = engine.look(spoilt)
    assert (sighting.guidance in (Guidance.NO_FACE, Guidance.TOO_DARK)) or sighting.mesh is not None
    if sighting.mesh is not None:
        assert np.isfinite(engine.live(spoilt, sighting).vector).all()


def around(x: int, y: int, part: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what lies within `part` pixels, and in the picture of 640 x 480."""
    return max(0, x - part), max(0, y - part), min(640, x + part), min(480, y + part)
