"""A maker's own choice of recogniser: here the second one alone, calibrated on people who are drawn.

None of the pictures shows anybody, so what is tested is that all of it works, and not how well faces are told apart.
"""

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from board.demo.drawn_face import ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES, Person, Pose, drawn_face
from board.demo.portraits import chip_photo
from firmware.face.engine import FaceEngine, ModelError
from firmware.face.manifest import load_manifest
from models.build import MANIFEST

BUILT = Path(__file__).parents[2] / "build/models"
DRAWN_AFTER = (ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES)
SMILING = Pose(shift=(0.02, 0.01), turn=0.03, smile=0.8, light=-0.3)
PEOPLE = range(8)


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


def card(group: str, number: int) -> str:
    return f"{group}/{number}.jp2"


def live(group: str, number: int) -> str:
    return f"{group}/{number}.jpg"


def photograph(path: Path, person: Person, pose: Pose) -> None:
    picture = drawn_face((480, 480), person=person, pose=pose)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(chip_photo(picture)) if path.suffix == ".jp2" else picture.save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A maker's folder: pairs.csv with two groups, their pictures, and those of other people in `others`."""
    folder = tmp_path_factory.mktemp("drawn")
    rows: list[tuple[str, str, int, str]] = []
    for number in PEOPLE:
        photograph(folder / f"others/{number}_1.jpg", invented(number), SMILING)
    for group, first in (("patients", 8), ("staff", 16)):
        for number in PEOPLE:
            photograph(folder / card(group, number), invented(first + number), Pose(smile=0.2))
            photograph(folder / live(group, number), invented(first + number), SMILING)
        rows += [(card(group, one), live(group, other), int(one == other), group) for one in PEOPLE for other in PEOPLE]
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([("path_a", "path_b", "same", "group"), *rows])
    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The project's, with the second recogniser alone, as a maker's own: no package, statistics as they were."""
    head, _, second, rest = MANIFEST.read_text("utf-8").split("\n[[recognisers]]\n")
    second = re.sub(r"^(package|conversion|licence|origin|terms) = .*\n", "", second, flags=re.MULTILINE)
    second = re.sub(r"^members = \[.*?^\]\n", "", second, flags=re.MULTILINE | re.DOTALL)
    cohort = rest[rest.index("[cohort]") :].replace('"lfw_ea", "nuaa"', '"patients"').replace('"london"', '"staff"')
    shutil.copy(MANIFEST.with_name("cohort.npz"), tmp_path)
    file = tmp_path / "manifest.toml"
    file.write_text(f"{head}\n[[recognisers]]\n{second}\n{cohort}", "utf-8")
    return file


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "models", *map(str, arguments), "--out", str(BUILT)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def calibrated(manifest: Path, pictures: Path, cohort: str = "others") -> subprocess.CompletedProcess[str]:
    return command(
        "calibrate", "--manifest", manifest, "--pairs", pictures / "pairs.csv", "--cohort", pictures / cohort
    )


def test_other_recogniser_is_refused_until_it_is_calibrated(manifest: Path) -> None:
    with pytest.raises(ModelError, match=r"cohort.npz: is not about embeddings of length 1024"):
        FaceEngine.load(BUILT, manifest)


def test_second_recogniser_alone_compares_faces_once_it_is_calibrated(manifest: Path, pictures: Path) -> None:
    before = load_manifest(manifest)
    done = calibrated(manifest, pictures)
    assert done.returncode == 0, done.stderr
    assert "general: 8 pictures of 8 persons" in done.stdout
    assert "thresholds are set on 56 impostor pairs of patients" in done.stdout
    assert "warning: threshold_fmr_1e3 hangs on the 0 highest of them" in done.stdout
    assert done.stdout.count("| patients | ") == done.stdout.count("| staff | ") == 2
    after = load_manifest(manifest)
    assert [recogniser.file.name for recogniser in after.recognisers] == ["face_embedder_b.tflite"]
    assert after.cohort.file.sha256 != before.cohort.file.sha256
    assert after.thresholds != before.thresholds
    assert not list(manifest.parent.glob("*.part"))

    engine = FaceEngine.load(BUILT, manifest)
    cards = [engine.reference((pictures / card("patients", number)).read_bytes()) for number in PEOPLE]
    frames = [np.asarray(Image.open(pictures / live("patients", number))) for number in PEOPLE]
    seen = [engine.live(frame, engine.look(frame)) for frame in frames]
    assert {one.vector.shape for one in (*cards, *seen)} == {(1024,)}
    assert all(engine.decide(one, [one]).match for one in cards)
    for number, reference in enumerate(cards):
        others = [face for other, face in enumerate(seen) if (other - number) % len(DRAWN_AFTER)]
        decisions = [engine.decide(reference, [face]) for face in others]
        assert {decision.threshold for decision in decisions} == {after.thresholds.used}
        assert not any(decision.match for decision in decisions)
        assert engine.decide(reference, [seen[number]]).score > max(decision.score for decision in decisions) + 0.3


def test_makers_file_is_neither_built_nor_missed_by_verification(manifest: Path, tmp_path: Path) -> None:
    assert command("verify", "--manifest", manifest).returncode == 0
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace("face_embedder_b.tflite", "own.tflite"), "utf-8")
    assert command("build", "--manifest", manifest).returncode == 1
    told = command("verify", "--manifest", manifest)
    assert (told.returncode, told.stderr.count("own.tflite: No such file")) == (1, 1)
    assert "its maker has it" in told.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("output = 1024", "output = 512", r"gives 1024 numbers, the manifest says output = 512"),
        ("input = [224, 224]", "input = [112, 112]", r"takes 1 x 224 x 224 x 3, where 1 x 112 x 112 x 3 is expected"),
        ('strangers = ["patients"]', 'strangers = ["nobody"]', r"has no group nobody: add it, or change"),
        ('strangers = ["patients"]', "", r"does not say 'strangers'"),
    ],
)
def test_manifest_that_does_not_fit_is_refused_with_the_key_to_change(
    manifest: Path, pictures: Path, old: str, new: str, said: str
) -> None:
    text = manifest.read_text("utf-8")
    assert text.count(old) == 1
    manifest.write_text(text.replace(old, new), "utf-8")
    before = manifest.read_bytes()
    told = calibrated(manifest, pictures)
    assert told.returncode == 1
    assert re.search(said, told.stderr)
    assert manifest.read_bytes() == before


def test_cohort_without_a_picture_is_refused(manifest: Path, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = calibrated(manifest, pictures, str(tmp_path / "empty"))
    assert told.returncode == 1
    assert "name a folder of pictures of people who are in no pair" in told.stderr


def test_file_in_the_cohort_that_is_no_picture_is_named(manifest: Path, pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures / "others", tmp_path / "others")
    (tmp_path / "others/broken.jpg").write_bytes(b"no picture")
    told = calibrated(manifest, pictures, str(tmp_path / "others"))
    assert told.returncode == 1
    assert "broken.jpg cannot be read (UnidentifiedImageError): replace or remove it" in told.stderr
