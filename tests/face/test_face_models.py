"""Models that are missing, altered or misdescribed are refused by name."""

import shutil
from pathlib import Path

import pytest

from firmware.face.engine import FaceEngine, ModelError
from firmware.tflite import Interpreter, ModelRefused, runtime_name
from models.tflite_graph import Graph

EMBEDDER = "face_embedder_a.tflite"


@pytest.fixture
def copies(tmp_path: Path, models_dir: Path, manifest_path: Path) -> tuple[Path, Path]:
    """Models and manifest to spoil: (models_dir, manifest)."""
    models = shutil.copytree(models_dir, tmp_path / "models")
    shutil.copy(manifest_path.with_name("cohort.npz"), tmp_path)
    return models, Path(shutil.copy(manifest_path, tmp_path))


def refusal(models: Path, manifest: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        FaceEngine.load(models, manifest)
    return caught.value


def test_altered_model_is_refused_by_name(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    content = bytearray((models / EMBEDDER).read_bytes())
    content[5_000_000] ^= 1
    (models / EMBEDDER).write_bytes(content)
    error = refusal(models, manifest)
    assert error.file == EMBEDDER
    assert "SHA-256 differs" in error.reason


def test_missing_model_is_refused_by_name(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    (models / EMBEDDER).unlink()
    assert refusal(models, manifest).file == EMBEDDER


def test_altered_cohort_is_refused_by_name(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    cohort = manifest.with_name("cohort.npz")
    cohort.write_bytes(cohort.read_bytes() + b"\x00")
    assert refusal(models, manifest).file == "cohort.npz"


def test_missing_manifest_is_refused(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    manifest.unlink()
    assert refusal(models, manifest).file == "manifest.toml"


def test_manifest_without_a_threshold_is_refused(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    manifest.write_text(manifest.read_text().replace("threshold_fmr_1e3", "limit"))
    assert "threshold_fmr_1e3" in refusal(models, manifest).reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[recognisers]]", "[[others]]"),
        ("weight = 0.3", "weight = 0.0"),
        ("mesh_points = [[263], ", "mesh_points = ["),
        ("square = { scale = 1.3, down = 0.04 }", ""),
        ("down = 0.04", ""),
        ('colour = "BGR"', 'colour = "BRG"'),
        ("mirror = true", 'mirror = "no"'),
        ("root = true", 'root = "false"'),
        ("subtract = [103.939, 116.779, 123.68]", "subtract = [103.939, 116.779]"),
    ],
)
def test_manifest_that_cannot_tell_how_to_recognise_is_refused(copies: tuple[Path, Path], old: str, new: str) -> None:
    models, manifest = copies
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    assert refusal(models, manifest).file == "manifest.toml"


def test_cohort_of_other_recognisers_is_refused(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    head, first, _, third = manifest.read_text().split("\n[[recognisers]]\n")
    manifest.write_text("\n[[recognisers]]\n".join([head, first, third]))
    error = refusal(models, manifest)
    assert error.file == "cohort.npz"
    assert error.reason == "is not about embeddings of length 384: run `python -m models calibrate`"


def test_manifest_that_names_another_input_size_is_refused(copies: tuple[Path, Path]) -> None:
    models, manifest = copies
    manifest.write_text(manifest.read_text().replace("input = [150, 150]", "input = [112, 112]"))
    assert refusal(models, manifest).file == EMBEDDER


def test_model_with_two_inputs_is_refused() -> None:
    graph = Graph()
    both = graph.input("a", (1, 2, 2, 1)), graph.input("b", (1, 2, 2, 1))
    with pytest.raises(ModelRefused, match="2 inputs"):
        Interpreter(graph.finish(graph.add(*both)))


def test_runtime_is_named_with_its_version() -> None:
    name, version = runtime_name().split()
    assert name in ("tflite-runtime", "ai-edge-litert")
    assert version[0].isdigit()
