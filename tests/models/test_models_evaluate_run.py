"""`python -m models evaluate` on the public-domain portraits and, where they are at hand, on evaluation pictures."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from board.demo.portraits import camera_frame, chip_photo
from firmware.face.engine import FaceEngine
from firmware.face.manifest import load_manifest
from models.build import MANIFEST
from models.evaluate_pairs import PairsError, read_pairs
from models.evaluate_scores import embed_pairs, score_pairs

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build/models"
HEAD = ("path_a", "path_b", "same", "group")
PAIRS = [
    ("card.jp2", "obama.png", 1, "x"),
    ("obama3.png", "card.jp2", 1, "x"),
    ("card.jp2", "wall.png", 1, "x"),
    ("card.jp2", "biden.png", 0, "x"),
    ("biden.png", "obama.png", 0, "x"),
    ("biden.png", "obama3.png", 0, "x"),
    ("wall.png", "biden.png", 0, "x"),
    ("card.jp2", "obama.png", 1, "y"),
    ("card.jp2", "biden.png", 0, "y"),
]


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one of them without a face."""
    folder = tmp_path_factory.mktemp("portraits")
    for name in ("obama", "obama3", "biden"):
        with Image.open(ROOT / f"build/portraits/{name}.jpg") as portrait:
            Image.fromarray(camera_frame(portrait.convert("RGB"))).save(folder / f"{name}.png")
    with Image.open(ROOT / "build/portraits/obama2.jpg") as portrait:
        (folder / "card.jp2").write_bytes(chip_photo(portrait.convert("RGB")))
    Image.new("RGB", (640, 480), "grey").save(folder / "wall.png")
    return folder


def listed(folder: Path, rows: Iterable[tuple[str, str, int, str]]) -> Path:
    file = folder / "pairs.csv"
    with file.open("w", newline="", encoding="utf-8") as text:
        csv.writer(text).writerows([HEAD, *rows])
    return file


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "models", "evaluate", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_report_plots_and_progress_of_a_run(portraits: Path, tmp_path: Path) -> None:
    file = listed(portraits, PAIRS)
    done = run("--pairs", file, "--json", tmp_path / "out.json", "--plots", tmp_path / "plots")
    assert done.returncode == 0, done.stderr
    assert "embedded 5 of 5 pictures, 0 s to go" in done.stderr
    report = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert set(report) == {"groups", "all", "model"} and list(report["groups"]) == ["x", "y"]
    x, y, everyone = report["groups"]["x"], report["groups"]["y"], report["all"]
    assert [(part["genuine"], part["impostor"], part["no_face"]) for part in (x, y, everyone)] == [
        (3, 4, 2),
        (1, 1, 0),
        (4, 5, 2),
    ]
    assert x["shipped"]["1e-3"]["fnmr"] == pytest.approx(1 / 3) and x["shipped"]["1e-3"]["fmr"] == 0
    assert x["fnmr_at_fmr"]["1e-4"]["fnmr"] == pytest.approx(1 / 3)
    assert set(x["fnmr_at_fmr"]["1e-3"]) >= {"fnmr", "low", "high", "bootstrap_low", "bootstrap_high"}
    thresholds = load_manifest(MANIFEST).thresholds
    assert report["model"]["thresholds"] == {
        "1e-3": thresholds.fmr_1e3,
        "1e-4": thresholds.fmr_1e4,
        "used": thresholds.used,
    }
    assert [x["shipped"][name]["threshold"] for name in ("1e-3", "1e-4")] == [thresholds.fmr_1e3, thresholds.fmr_1e4]
    assert report["model"]["manifest_sha256"] == hashlib.sha256(MANIFEST.read_bytes()).hexdigest()
    built = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BUILT.glob("*.tflite")}
    assert report["model"]["files"].items() <= built.items()
    assert len(done.stdout.splitlines()) == 2 + 2 * 3
    for name in ("det", "scores", "errors"):
        with Image.open(tmp_path / f"plots/{name}.png") as picture:
            assert min(picture.size) > 400
            assert len(picture.convert("L").histogram()) - picture.convert("L").histogram().count(0) > 20


def test_scores_are_those_by_which_the_reader_decides(portraits: Path) -> None:
    pairs = read_pairs(listed(portraits, PAIRS))
    engine = FaceEngine.load(BUILT, MANIFEST)
    scores = score_pairs(pairs, np.arange(pairs.left.size), embed_pairs(pairs, MANIFEST, BUILT, print), engine.cohort)
    card = engine.reference((portraits / "card.jp2").read_bytes())
    for pair, (_, path, _, _) in enumerate(PAIRS):
        if pair in (0, 3):
            with Image.open(portraits / path) as picture:
                frame = np.asarray(picture.convert("RGB"))
            decided = engine.decide(card, [engine.live(frame, engine.look(frame))])
            assert scores[pair] == pytest.approx(decided.score, abs=1e-6)
    assert np.isneginf(scores).tolist() == ["wall.png" in row for row in PAIRS]


@pytest.mark.parametrize("name", ["card.jp2", "obama.png"])
@pytest.mark.parametrize("content", [b"", b"not a picture", None], ids=["empty", "text", "half"])
def test_picture_that_cannot_be_read_ends_the_run_with_its_line(
    portraits: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = shutil.copytree(portraits, tmp_path / "copy")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    pairs = read_pairs(listed(folder, [PAIRS[5], *PAIRS]))
    with pytest.raises(PairsError, match=rf"pairs.csv, line 3: .*{name} cannot .*: replace the picture"):
        embed_pairs(pairs, MANIFEST, BUILT, print)


def test_camera_picture_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    Image.new("I;16", (64, 64)).save(tmp_path / "deep.png")
    pairs = read_pairs(listed(tmp_path, [("deep.png", "deep.png", 1, "x"), ("deep.png", "deep.png", 0, "x")]))
    with pytest.raises(PairsError, match=r"line 2: .*deep.png has more than 8 bits"):
        embed_pairs(pairs, MANIFEST, BUILT, print)


def test_camera_picture_on_its_side_is_turned_as_its_file_says(portraits: Path, tmp_path: Path) -> None:
    with Image.open(portraits / "obama.png") as picture:
        upright, turned = picture.copy(), picture.transpose(Image.Transpose.ROTATE_90)
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    pairs = read_pairs(listed(tmp_path, [("upright.png", "turned.png", 1, "x"), ("upright.png", "turned.png", 0, "x")]))
    vectors = embed_pairs(pairs, MANIFEST, BUILT, print)
    assert np.array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "nowhere/out.json"], "no folder nowhere for out.json: make it first"),
        (["--json", "build/out.json", "--out", "nowhere"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_embedded(
    portraits: Path, arguments: list[str], said: str
) -> None:
    done = run("--pairs", listed(portraits, PAIRS), *arguments)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr and "embedded" not in done.stderr


@pytest.mark.skipif("READER_FACE_DATA" not in os.environ, reason="READER_FACE_DATA names no evaluation pictures")
def test_real_pictures_of_few_people_are_told_apart(tmp_path: Path) -> None:
    folder = Path(os.environ["READER_FACE_DATA"])
    (tmp_path / "faces").symlink_to(folder)
    references = sorted(path.name for path in folder.glob("chip/london_*.jp2"))[:12]
    numbers = [name.removeprefix("london_").removesuffix(".jp2") for name in references]
    rows = [
        (f"faces/chip/{name}", f"faces/london/{other}_smile.jpg", int(number == other), "london")
        for name, number in zip(references, numbers, strict=True)
        for other in numbers
    ]
    done = run("--pairs", listed(tmp_path, rows), "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    london = json.loads((tmp_path / "out.json").read_text("utf-8"))["groups"]["london"]
    assert (london["genuine"], london["impostor"], london["persons"], london["no_face"]) == (12, 132, 12, 0)
    assert london["shipped"]["1e-3"]["fnmr"] <= 1 / 12 and london["shipped"]["1e-3"]["fmr"] <= 2 / 132
