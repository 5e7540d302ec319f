"""Measures the reader's face comparison on a list of pairs: `python -m models evaluate`.

What the rates mean, and how their bounds come about, stands in models/evaluate_rates.py.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware.face.engine import FaceEngine
from firmware.face.manifest import Manifest, load_manifest
from firmware.tflite import runtime_name
from models.evaluate_pairs import Pairs, read_pairs
from models.evaluate_rates import NOMINAL, Comparisons, Report, group_report
from models.evaluate_scores import embed_pairs, score_pairs
from models.evaluate_sheet import FONT, draw_sheet


class EvaluationError(Exception):
    """What is asked for cannot be made here; the text says what to do."""


def evaluate(
    pairs_file: Path, models_dir: Path, manifest: Path, out: Path, plots: Path | None, report: Callable[[str], None]
) -> Report:
    """The rates of every group of `pairs_file`, and of all together, which it writes to `out` as JSON.

    `plots`: folder for pictures of the scores. Raises PairsError, ModelError, EvaluationError, OSError.
    """
    _prepare(out, plots)
    described = load_manifest(manifest)
    engine = FaceEngine(described, models_dir)  # a missing model ends it here, before any process is started
    pairs = read_pairs(pairs_file)
    if (number := int(pairs.contradictory.sum())) > 0:
        line = int(pairs.line[np.argmax(pairs.contradictory)])
        report(f"warning: {pairs_file}, line {line}: two persons here, one by other lines; {number} such pairs")
    vectors = embed_pairs(pairs, manifest, models_dir, report)
    scores = score_pairs(pairs, np.arange(pairs.left.size), vectors, engine.cohort)
    shipped = {"1e-3": described.thresholds.fmr_1e3, "1e-4": described.thresholds.fmr_1e4}
    groups = {name: comparisons(pairs, scores, pairs.group == number) for number, name in enumerate(pairs.groups)}
    everyone = comparisons(pairs, scores, np.ones(scores.size, np.bool_))
    report("drawing persons again for the bounds")
    figures: Report = {
        "groups": {name: group_report(group, shipped) for name, group in groups.items()},
        "all": group_report(everyone, shipped),
        "model": _model(described, manifest, shipped),
    }
    out.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if plots is not None:
        from models.evaluate_plots import draw_plots  # matplotlib is not installed everywhere

        report(f"plots into {plots}")
        draw_plots(plots, groups, shipped)
        draw_sheet(plots, pairs, scores, shipped)
    return figures


def comparisons(pairs: Pairs, scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Comparisons:
    """Those of the chosen pairs."""
    genuine, impostor = np.flatnonzero(chosen & pairs.same), np.flatnonzero(chosen & ~pairs.same)
    left, right = pairs.person[pairs.left], pairs.person[pairs.right]
    return Comparisons(scores[genuine], scores[impostor], left[genuine], np.stack([left[impostor], right[impostor]]))


def table(figures: Report) -> Iterator[str]:
    """Rows of Markdown: per cent of patients refused, false matches per 1,000, with bounds by Clopper and Pearson."""
    yield "| group | FMR | genuine | FNMR %, own threshold | FNMR %, shipped | impostor | FMR per 1,000, shipped |"
    yield "|---|---|---|---|---|---|---|"
    for name, group in (*figures["groups"].items(), ("all", figures["all"])):
        for nominal in NOMINAL:
            own, shipped = group["fnmr_at_fmr"][nominal], group["shipped"][nominal]
            few = " (too few impostors)" if own["too_few_impostors"] else ""
            cells = (
                f"{name} | {nominal} | {group['genuine']:,}",
                _bounded(own, "fnmr", "", 100) + few,
                _bounded(shipped, "fnmr", "fnmr_", 100),
                f"{group['impostor']:,}",
                _bounded(shipped, "fmr", "fmr_", 1000),
            )
            yield f"| {' | '.join(cells)} |"


def _bounded(figures: Mapping[str, float], rate: str, prefix: str, unit: int) -> str:
    low, high = figures[f"{prefix}low"], figures[f"{prefix}high"]
    return f"{figures[rate] * unit:.2f} ({low * unit:.2f}-{high * unit:.2f})"


def _prepare(out: Path, plots: Path | None) -> None:
    """Embedding takes minutes: what would fail after it fails before."""
    if not out.parent.is_dir():
        raise EvaluationError(f"no folder {out.parent} for {out.name}: make it first")
    if plots is None:
        return
    if find_spec("matplotlib") is None:
        raise EvaluationError("matplotlib, which draws the plots, is missing: run `make .venv/.installed-plots`")
    if not FONT.is_file():
        raise EvaluationError(f"no {FONT}, which the plots are written in: run `make setup`")
    plots.mkdir(parents=True, exist_ok=True)


def _model(described: Manifest, manifest: Path, shipped: Mapping[str, float]) -> Report:
    """What was measured: the files were read by these hashes."""
    files = (described.detector, described.mesh, *(recogniser.file for recogniser in described.recognisers))
    return {
        "files": {file.name: file.sha256 for file in files},
        "cohort": {described.cohort.file.name: described.cohort.file.sha256},
        "thresholds": {**shipped, "used": described.thresholds.used},
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "runtime": runtime_name(),
    }
