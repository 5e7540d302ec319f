"""A maker's own choice of recogniser: here the second one alone, calibrated on people who are drawn.

None of the pictures shows anybody, so what is tested is that all of it works, and not how well faces are told apart.
"""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from board.demo.drawn_face import ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES, Person, Pose, drawn_face
from board.demo.portraits import chip_photo
from firmware.face.engine import FaceEngine, ModelError
from firmware.face.manifest import load_manifest
from models.build import MANIFEST
from models.calibrate import calibrate, embed_paths

BUILT = Path(__file__).parents[2] / "build/models"
DRAWN_AFTER = (ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES)
SMILING = Pose(shift=(0.02, 0.01), turn=0.03, smile=0.8, light=-0.3)
EAST_ASIAN = [f"E{number}" for number in range(8)]
STUDIO = [f"{number:03}" for number in range(8)]


def invented(number: int) -> Person:
    """Somebody else for every number, but much like those whose number differs by a multiple of three."""
    of = np.random.default_rng(number).uniform
    person = DRAWN_AFTER[number % len(DRAWN_AFTER)]
    return replace(
        person,
        cheek=person.cheek * of(0.95, 1.05),
        chin=person.chin * of(0.93, 1.07),
        eye_gap=person.eye_gap * of(0.93, 1.07),
        brow_height=person.brow_height * of(0.9, 1.1),
        nose_width=person.nose_width * of(0.85, 1.15),
        mouth_width=person.mouth_width * of(0.85, 1.15),
    )


def references(group: str, names: list[str]) -> list[str]:
    return [f"chip/london_{name}.jp2" if group == "london" else f"chip/{name}_0001.jp2" for name in names]


def lives(group: str, names: list[str]) -> list[str]:
    return [f"{group}/{name}_smile.jpg" if group == "london" else f"{group}/{name}_0002.jpg" for name in names]


def photograph(path: Path, person: Person, pose: Pose) -> None:
    picture = drawn_face((480, 480), person=person, pose=pose)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(chip_photo(picture)) if path.suffix == ".jp2" else picture.save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures in the form that calibration reads."""
    folder = tmp_path_factory.mktemp("drawn")
    rows: list[tuple[str, str, int, str]] = []
    for number in range(8):
        photograph(folder / f"cohort/G{number}_0001.jpg", invented(number), SMILING)
    for group, first, names in (("lfw_ea", 8, EAST_ASIAN), ("london", 16, STUDIO)):
        left, right = references(group, names), lives(group, names)
        for number, (reference, live) in enumerate(zip(left, right, strict=True), first):
            photograph(folder / reference, invented(number), Pose(smile=0.2))
            photograph(folder / live, invented(number), SMILING)
        rows += [(one, other, int(a == b), group) for a, one in enumerate(left) for b, other in enumerate(right)]
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([("path_a", "path_b", "same", "group"), *rows])
    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The project's, with the second recogniser alone and the statistics as they were."""
    head, _, second, rest = MANIFEST.read_text("utf-8").split("\n[[recognisers]]\n")
    shutil.copy(MANIFEST.with_name("cohort.npz"), tmp_path)
    file = tmp_path / "manifest.toml"
    file.write_text(f"{head}\n[[recognisers]]\n{second}\n{rest[rest.index('[cohort]') :]}", "utf-8")
    return file


def test_other_recogniser_is_refused_until_it_is_calibrated(manifest: Path) -> None:
    with pytest.raises(ModelError, match=r"cohort.npz: is not about embeddings of length 1024"):
        FaceEngine.load(BUILT, manifest)


def test_second_recogniser_alone_compares_faces_once_it_is_calibrated(manifest: Path, pictures: Path) -> None:
    before = load_manifest(manifest)
    said: list[str] = []
    calibrate(BUILT, manifest, pictures, said.append)
    after = load_manifest(manifest)
    assert [recogniser.file.name for recogniser in after.recognisers] == ["face_embedder_b.tflite"]
    assert after.cohort.file.sha256 != before.cohort.file.sha256
    assert after.thresholds != before.thresholds
    assert sum(line.startswith("| lfw_ea | ") and "| 8 |" in line and "| 56 |" in line for line in said) == 2

    engine = FaceEngine.load(BUILT, manifest)
    cards = [engine.reference((pictures / path).read_bytes()) for path in references("lfw_ea", EAST_ASIAN)]
    seen = list(embed_paths(engine, pictures, lives("lfw_ea", EAST_ASIAN)).values())
    assert {one.vector.shape for one in (*cards, *seen)} == {(1024,)}
    assert {engine.decide(one, [one]).threshold for one in cards} == {after.thresholds.used}
    assert all(engine.decide(one, [one]).match for one in cards)
    for number, card in enumerate(cards):
        others = [live for other, live in enumerate(seen) if (other - number) % len(DRAWN_AFTER)]
        decisions = [engine.decide(card, [live]) for live in others]
        assert not any(decision.match for decision in decisions)
        assert engine.decide(card, [seen[number]]).score > max(decision.score for decision in decisions) + 0.5
