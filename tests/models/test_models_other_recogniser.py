"""A maker's own recogniser, here the second one alone and as if no package had it, from its entry to a decision.

It is calibrated on people who are drawn: what is tested is that all of it works, not how well faces are told apart.
"""

import csv
import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from board.demo.drawn_face import ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES, Person, drawn_face
from board.demo.portraits import chip_photo
from firmware.face.engine import FaceEngine, ModelError
from firmware.face.manifest import load_manifest
from models.build import MANIFEST

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build/models"
DRAWN_AFTER = (ELDERLY_WOMAN, MAN_IN_HIS_FORTIES, WOMAN_IN_HER_FORTIES)
PATIENTS, OTHERS = 33, 20
"""People: so many as to have 1,000 impostor pairs, and a cohort."""
ENTRY = """
[[recognisers]]
file = "makers.tflite"
sha256 = "{sha256}"
weight = 1.0
input = [224, 224]
colour = "BGR"
subtract = [103.939, 116.779, 123.68]
divide = 1.0
mirror = false
output = 1024
root = true
square = {{ scale = 1.3, down = 0.04 }}

[cohort]
file = "cohort.npz"
sha256 = "none yet"
seed = 2026
nearest = 15
groups = [
    {{ name = "general", draws = 3000, shrinkage = 0.0 }},
    {{ name = "patients", draws = 1200, shrinkage = 0.5, pairs = ["drawn"] }},
]

[decision]
threshold_fmr_1e3 = 0.0
threshold_fmr_1e4 = 0.0
use = "fmr_1e3"
"""


def drawn(number: int) -> Image.Image:
    """Somebody else for every number, but much like those whose number differs by a multiple of three."""
    of = np.random.default_rng(number).uniform
    person: Person = DRAWN_AFTER[number % len(DRAWN_AFTER)]
    changed = replace(
        person,
        cheek=person.cheek * of(0.95, 1.05),
        chin=person.chin * of(0.93, 1.07),
        eye_gap=person.eye_gap * of(0.93, 1.07),
        brow_height=person.brow_height * of(0.9, 1.1),
        nose_width=person.nose_width * of(0.85, 1.15),
        mouth_width=person.mouth_width * of(0.85, 1.15),
    )
    return drawn_face((240, 240), person=changed)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of pairs, all against all, and a folder of other people."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "cohort").mkdir()
    for number in range(PATIENTS):
        portrait = drawn(number)
        (folder / f"{number}.jp2").write_bytes(chip_photo(portrait))
        ImageEnhance.Brightness(portrait.rotate(4, Image.Resampling.BICUBIC)).enhance(0.8).save(
            folder / f"{number}.png"
        )
    for number in range(PATIENTS, PATIENTS + OTHERS):
        drawn(number).save(folder / f"cohort/{number}_1.png")
    everybody = range(PATIENTS)
    rows = [(f"{one}.jp2", f"{other}.png", int(one == other), "drawn") for one in everybody for other in everybody]
    with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([("path_a", "path_b", "same", "group"), *rows])
    return folder


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    """A folder with a manifest, the recogniser it describes, and what else the reader looks at faces with."""
    for name in ("face_detection_short_range.tflite", "face_landmark.tflite"):
        shutil.copy(BUILT / name, tmp_path)
    file = Path(shutil.copy(BUILT / "face_embedder_b.tflite", tmp_path / "makers.tflite"))
    entry = ENTRY.format(sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    (tmp_path / "manifest.toml").write_text(
        MANIFEST.read_text("utf-8").split("\n[[recognisers]]\n")[0] + entry, "utf-8"
    )
    return tmp_path


def run(command: str, maker: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [command, "--out", maker, "--manifest", maker / "manifest.toml", *arguments]
    line = [sys.executable, "-m", "models", *map(str, words)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=200)


def test_maker_s_recogniser_alone_compares_faces_once_it_is_calibrated(maker: Path, pictures: Path) -> None:
    with pytest.raises(ModelError, match=r"cohort.npz: cannot be read"):
        FaceEngine.load(maker, maker / "manifest.toml")
    lists = ("--pairs", pictures / "pairs.csv")
    done = run("calibrate", maker, *lists, "--cohort", pictures / "cohort")
    assert done.returncode == 0, done.stderr
    assert "general: 20 faces of 20 people" in done.stderr and "patients: 66 faces of 33 people" in done.stderr
    assert "1 of 1,056 impostor pairs reach it" in done.stderr
    assert "warning: threshold_fmr_1e4 is unsure" in done.stderr
    assert sum(line.startswith("| drawn | ") and "| 33 |" in line for line in done.stdout.splitlines()) == 2
    assert run("verify", maker).returncode == 0
    assert run("build", maker).stdout == f"models in {maker} are those of the manifest\n"

    engine = FaceEngine.load(maker, maker / "manifest.toml")
    thresholds = load_manifest(maker / "manifest.toml").thresholds
    card = engine.reference((pictures / "7.jp2").read_bytes())
    assert card.vector.shape == (1024,)
    with Image.open(pictures / "7.png") as one, Image.open(pictures / "8.png") as another:
        frames = [np.asarray(picture) for picture in (one, another)]
    same, other = (engine.decide(card, [engine.live(frame, engine.look(frame))]) for frame in frames)
    assert same.threshold == thresholds.used
    assert same.match and not other.match

    done = run("evaluate", maker, *lists, "--json", maker / "out.json")
    assert done.returncode == 0 and "| all | 1e-3 | 33 |" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        (
            "input = [224, 224]",
            "input = [112, 112]",
            "takes 1 x 224 x 224 x 3 numbers, not 1 x 112 x 112 x 3 as `input`",
        ),
        ("output = 1024", "output = 512", "gives 1024 numbers, not 512 as `output`"),
        ("makers.tflite", "other.tflite", "other.tflite: cannot be read"),
    ],
)
def test_entry_that_is_not_true_of_the_file_ends_calibration_at_once(
    maker: Path, pictures: Path, written: str, instead: str, said: str
) -> None:
    file = maker / "manifest.toml"
    text = file.read_text("utf-8").replace(written, instead)
    file.write_text(text, "utf-8")
    done = run("calibrate", maker, "--pairs", pictures / "pairs.csv", "--cohort", pictures / "cohort")
    assert done.returncode == 1
    assert said in done.stderr and "embedded" not in done.stderr and "Traceback" not in done.stderr
    assert file.read_text("utf-8") == text


def test_recogniser_that_gives_no_numbers_ends_calibration_and_changes_nothing(maker: Path, pictures: Path) -> None:
    file = maker / "manifest.toml"
    text = file.read_text("utf-8").replace("divide = 1.0", "divide = 0.0")
    file.write_text(text, "utf-8")
    done = run("calibrate", maker, "--pairs", pictures / "pairs.csv", "--cohort", pictures / "cohort")
    assert done.returncode == 1
    assert "error: manifest.toml: a recogniser gives what is no number: correct `subtract` or `divide`" in done.stderr
    assert file.read_text("utf-8") == text and not (maker / "cohort.npz").exists()


def test_maker_is_told_to_copy_the_file_or_which_hash_to_write(maker: Path) -> None:
    changed = b"the file of another version"
    (maker / "makers.tflite").write_bytes(changed)
    done = run("verify", maker)
    assert done.returncode == 1
    assert done.stderr.startswith("error: makers.tflite: altered")
    assert f'sha256 = "{hashlib.sha256(changed).hexdigest()}"' in done.stderr
    (maker / "makers.tflite").unlink()
    done = run("build", maker)
    assert done.returncode == 1
    assert (
        f"makers.tflite: No such file or directory; the manifest names no package that has it: copy it into {maker}"
        in (done.stderr)
    )
