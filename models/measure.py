"""Measures what the recognisers' convolutions are given when they look at faces."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware.face.embed import Embedder
from firmware.face.manifest import load_manifest
from firmware.face.vision import FaceVision
from firmware.tflite import Floats, Interpreter
from models.activations import write_activations
from models.build import convert, recipes
from models.calibrate_cohort import pictures_in
from models.crossfit import CalibrationError
from models.evaluate_scores import embed_picture
from models.quantise import convolved
from models.tflite_read import read

MEASURED = ("face_embedder_a.tflite", "face_embedder_b.tflite")
"""Not recogniser C: it is small and takes a tenth of the time, so 8 bits have little to win."""
_ONE_REPORT = 100
"""Pictures from one line of progress to the next."""


class Watched(Interpreter):
    """A model whose values are looked at while it runs."""

    def __init__(self, model: bytes) -> None:
        """Raises GraphError."""
        super().__init__(convolved(model))
        graph = read(model)
        self._given, self._result = (graph.tensors[ends[0]].name for ends in (graph.inputs, graph.outputs))
        self._runs = 0
        self._sums: dict[str, NDArray[np.float64]] = {}

    def run(self, value: Floats) -> dict[str, Floats]:
        """The model's own result."""
        values = super().run(value)
        result = {self._result: values.pop(self._result)}
        self._runs += 1
        for name, found in {self._given: value, **values}.items():
            means = found.mean((0, 1, 2), dtype=np.float64)
            self._sums[name] = self._sums.get(name, np.zeros_like(means)) + means
        return result

    @property
    def means(self) -> dict[str, Floats]:
        """Of each channel of what went into the model and its convolutions, over all runs, by names of tensors."""
        return {name: (total / self._runs).astype(np.float32) for name, total in self._sums.items()}


def measure(models_dir: Path, manifest: Path, pictures: Path, report: Callable[[str], None]) -> None:
    """Rewrites the activations of A and B from a folder of pictures of people in general. Takes minutes.

    Raises CalibrationError, ModelError, PackageError, GraphError.
    """
    watched = {
        recipe.file: Watched(convert(recipe.package, recipe))
        for recipe in recipes(manifest)
        if recipe.package and recipe.file in MEASURED
    }
    if not watched:
        raise CalibrationError(f"{manifest} has none of {', '.join(MEASURED)}")
    vision = _WatchedVision(models_dir, manifest, watched)
    paths = pictures_in(pictures)
    for number, path in enumerate(paths, 1):
        if isinstance(found := embed_picture(vision, path), str):
            raise CalibrationError(f"{path} {found}: replace or remove it")
        if number % _ONE_REPORT == 0 or number == len(paths):
            report(f"{number} of {len(paths)} pictures")
    if not all(model.means for model in watched.values()):
        raise CalibrationError(f"no face in any picture of {pictures}: name a folder of pictures of people in general")
    write_activations({file: model.means for file, model in watched.items()})


class _WatchedVision(FaceVision):
    def __init__(self, models_dir: Path, manifest: Path, watched: Mapping[str, Interpreter]) -> None:
        described = load_manifest(manifest)
        super().__init__(described, models_dir)
        self._embedder = Embedder([(r, watched[r.file.name]) for r in described.recognisers if r.file.name in watched])
