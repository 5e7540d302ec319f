"""The same models with other numbers, side by side, to see what those cost and bring."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from firmware.face.manifest import load_manifest
from models.activations import read_activations
from models.build import convert, recipes
from models.measure import MEASURED
from models.quantise import to_float16, to_int8


def _int8(model: bytes, file: str) -> bytes:
    return to_int8(model, read_activations(file)) if file in MEASURED else model


_VARIANTS: Mapping[str, Callable[[bytes, str], bytes]] = {
    "float32": lambda model, file: model,
    "float16": lambda model, file: to_float16(model),
    "int8": _int8,
}
"""What becomes of a recogniser as its conversion gives it, and of its file's name. The smallest recogniser is float32
in all but float16: see models/measure.py."""


def make_variants(manifest: Path, models_dir: Path, out: Path, report: Callable[[str], None]) -> dict[str, Path]:
    """Folders under `out` by the name of the variant. Each holds all model files, a `manifest.toml` that names them,
    and the statistics of `manifest`, which were made with the numbers shipped. Detector and mesh come from
    `models_dir` as they are. Raises BuildError, PackageError, GraphError, ModelError, OSError.
    """
    cohort = load_manifest(manifest).cohort.file.name
    described = recipes(manifest)
    converted = {
        recipe.file: convert(recipe.package, recipe)
        for recipe in described
        if recipe.package and recipe.conversion != "none"
    }
    folders = {name: out / name for name in _VARIANTS}
    for name, folder in folders.items():
        report(f"{name}: {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        text = manifest.read_text("utf-8")
        for recipe in described:
            if recipe.file not in converted:
                shutil.copy(models_dir / recipe.file, folder)
                continue
            model = _VARIANTS[name](converted[recipe.file], recipe.file)
            (folder / recipe.file).write_bytes(model)
            text = text.replace(recipe.sha256, hashlib.sha256(model).hexdigest())
        shutil.copy(manifest.parent / cohort, folder)
        (folder / "manifest.toml").write_text(text, "utf-8")
    return folders
