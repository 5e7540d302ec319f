"""The reader takes drawn people for people: it finds them, knows each again, and takes none for another."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from board.contracts import Frame
from board.demo.drawn_face import (
    ELDERLY_WOMAN,
    MAN_IN_HIS_FORTIES,
    WOMAN_IN_HER_FORTIES,
    Person,
    Pose,
    drawn_face,
)
from board.demo.portraits import camera_frame, chip_photo
from firmware.face.detect import Detector
from firmware.face.engine import Embedding, FaceDecision, FaceEngine, Guidance
from firmware.face.manifest import load_manifest
from firmware.tflite import Interpreter

ROOT = Path(__file__).parents[2]
MODELS, MANIFEST = ROOT / "build/models", ROOT / "models/manifest.toml"
MARGIN = 0.03
"""Of a score from the threshold, on either side."""
PEOPLE = {"elderly woman": ELDERLY_WOMAN, "man": MAN_IN_HIS_FORTIES, "woman": WOMAN_IN_HER_FORTIES}
POSES = (
    Pose(),
    Pose(shift=(0.02, 0.01), turn=0.03, smile=0.5),
    Pose(scale=1.05, tilt=0.03, light=-0.4),
    Pose(scale=0.95, turn=-0.04, brightness=0.9, smile=0.8),
    Pose(shift=(-0.02, 0.0), tilt=-0.03, light=0.5, smile=0.2),
)

each_person = pytest.mark.parametrize("name", PEOPLE)


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(MODELS, MANIFEST)


@pytest.fixture(scope="module")
def frames() -> dict[str, list[Frame]]:
    """What the camera sees of each person, pose by pose."""
    return {name: [camera_frame(drawn_face((960, 720), person=person, pose=pose)) for pose in POSES]
            for name, person in PEOPLE.items()}  # fmt: skip


@pytest.fixture(scope="module")
def references(engine: FaceEngine) -> dict[str, Embedding]:
    return {name: engine.reference(card_photo(person)) for name, person in PEOPLE.items()}


def card_photo(person: Person) -> bytes:
    return chip_photo(drawn_face((800, 800), person=person))


def compared(engine: FaceEngine, reference: Embedding, frames: list[Frame]) -> FaceDecision:
    return engine.decide(reference, [engine.live(frame, engine.look(frame)) for frame in frames])


@each_person
def test_detector_finds_one_face_in_a_drawing(name: str) -> None:
    detector = Detector(Interpreter(load_manifest(MANIFEST).detector.read(MODELS)))
    assert len(detector.find(drawn_face((800, 800), person=PEOPLE[name]))) == 1


@each_person
def test_drawn_person_before_the_camera_is_told_good(
    engine: FaceEngine, frames: dict[str, list[Frame]], name: str
) -> None:
    assert {engine.look(frame).guidance for frame in frames[name]} == {Guidance.GOOD}


@each_person
def test_drawn_person_matches_own_card(
    engine: FaceEngine, references: dict[str, Embedding], frames: dict[str, list[Frame]], name: str
) -> None:
    decision = compared(engine, references[name], frames[name])
    assert decision.match
    assert decision.score > decision.threshold + MARGIN


@pytest.mark.parametrize(("holder", "visitor"), list(permutations(PEOPLE, 2)))
def test_drawn_person_does_not_match_anothers_card(
    engine: FaceEngine, references: dict[str, Embedding], frames: dict[str, list[Frame]], holder: str, visitor: str
) -> None:
    decision = compared(engine, references[holder], frames[visitor])
    assert not decision.match
    assert decision.score < decision.threshold - MARGIN


def test_the_same_drawing_comes_out_twice_and_another_pose_changes_it() -> None:
    first, second, other = (
        np.asarray(drawn_face((320, 240), person=ELDERLY_WOMAN, pose=pose)) for pose in (POSES[0], POSES[0], POSES[1])
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_drawing_larger_than_the_picture_is_cut_at_its_edges() -> None:
    assert drawn_face((200, 150), person=MAN_IN_HIS_FORTIES, pose=Pose(scale=3.0, shift=(0.9, 0.9))).size == (200, 150)
