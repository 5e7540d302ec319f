"""Measures what the values inside the recognisers are like when they look at faces."""

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
from models.calibrate import CalibrationError, embed_paths
from models.pictures import cohort_paths
from models.quantise import Seen, every_value
from models.tflite_read import read

_MEASURED = ("face_embedder_a.tflite", "face_embedder_b.tflite")
"""Not recogniser C: its rectifiers with a slope have no form with 8 bits, so it would go to and fro between the two."""
_ONE_REPORT = 100
"""Pictures from one line of progress to the next."""


class Watched(Interpreter):
    """A model whose values are looked at while it runs."""

    def __init__(self, model: bytes) -> None:
        """Raises GraphError."""
        super().__init__(every_value(model))
        graph = read(model)
        self._given, self._result = (graph.tensors[ends[0]].name for ends in (graph.inputs, graph.outputs))
        self._runs = 0
        self._lows: dict[str, float] = {}
        self._highs: dict[str, float] = {}
        self._means: dict[str, NDArray[np.float64]] = {}
        """By channel, summed over the runs."""

    def run(self, value: Floats) -> dict[str, Floats]:
        """The model's own result."""
        values = super().run(value)
        self._runs += 1
        for name, found in {self._given: value, **values}.items():
            means = found.reshape(-1, found.shape[-1]).mean(0, dtype=np.float64)
            self._lows[name] = min(self._lows.get(name, np.inf), float(found.min()))
            self._highs[name] = max(self._highs.get(name, -np.inf), float(found.max()))
            self._means[name] = self._means.get(name, np.zeros_like(means)) + means
        return {self._result: values[self._result]}

    @property
    def seen(self) -> dict[str, Seen]:
        """What there was in all runs, by the names of the tensors."""
        return {
            name: Seen(self._lows[name], self._highs[name], (means / self._runs).astype(np.float32))
            for name, means in self._means.items()
        }


def measure(models_dir: Path, manifest: Path, pictures: Path, report: Callable[[str], None]) -> None:
    """Rewrites the activations for the recognisers of `manifest`. Takes minutes.

    Raises CalibrationError, ModelError, PackageError, GraphError.
    """
    paths = cohort_paths(pictures)["general"]
    if not paths:
        raise CalibrationError(f"{pictures} lacks pictures of the cohort")
    watched = {recipe.file: Watched(convert(recipe)) for recipe in recipes(manifest) if recipe.file in _MEASURED}
    vision = _WatchedVision(models_dir, manifest, watched)
    for start in range(0, len(paths), _ONE_REPORT):
        embed_paths(vision, pictures, paths[start : start + _ONE_REPORT])
        report(f"{min(start + _ONE_REPORT, len(paths))} of {len(paths)} pictures")
    write_activations({file: model.seen for file, model in watched.items()})


class _WatchedVision(FaceVision):
    def __init__(self, models_dir: Path, manifest: Path, watched: Mapping[str, Interpreter]) -> None:
        described = load_manifest(manifest)
        super().__init__(described, models_dir)
        self._embedder = Embedder([(r, watched[r.file.name]) for r in described.recognisers if r.file.name in watched])
