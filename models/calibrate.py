"""Makes the cohort's statistics and the thresholds from pictures, for whatever recognisers the manifest names.

The statistics that it writes are of everyone. The thresholds come of scores against strangers that know neither
person of a pair (`models/crossfit.py`).
"""

import hashlib
import io
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware.face.cohort import PARTS, Statistics
from firmware.face.manifest import load_manifest
from firmware.face.vision import FaceVision
from firmware.tflite import Floats
from models.crossfit import Members, crossfit_scores, statistics
from models.evaluate_pairs import Pairs, read_pairs
from models.evaluate_scores import PictureError, embed_pictures
from models.figures import Rate, false_matches, false_non_matches, threshold_at

_SUFFIXES = {".jp2", ".jpg", ".jpeg", ".png"}
_RATES = {"threshold_fmr_1e3": 1e-3, "threshold_fmr_1e4": 1e-4}
_FEW = 10
"""False matches that should stand behind a threshold, at least."""


class CalibrationError(Exception):
    """Calibration cannot go on; the text says what to do."""


@dataclass(frozen=True)
class Plan:
    """What the manifest says of groups."""

    cohort: Mapping[str, tuple[str, ...]]
    """Groups of the cohort: groups of the pairs whose pictures they are made from. The first is made from others."""
    strangers: tuple[str, ...]
    """Groups of the pairs whose impostors set the thresholds."""


def calibrate(pairs_file: Path, cohort: Path, models_dir: Path, manifest: Path, report: Callable[[str], None]) -> None:
    """Rewrites the statistics beside `manifest` and the thresholds in it.

    `pairs_file`: list of pairs as for evaluation. `cohort`: folder of pictures of other people, the more the better.
    Raises CalibrationError, PairsError, ModelError, OSError.
    """
    described = load_manifest(manifest)
    FaceVision(described, models_dir)  # a model that is missing or not as described ends it here, before all work
    plan, pairs = read_plan(manifest), read_pairs(pairs_file)
    named = {name for names in (*plan.cohort.values(), plan.strangers) for name in names}
    if lacking := named - set(pairs.groups):
        raise CalibrationError(
            f"{pairs_file} has no group {', '.join(sorted(lacking))}: add it, or change `pairs` of the cohort's groups "
            f"and `strangers` of the decision in {manifest.name}"
        )
    others = _pictures_in(cohort, pairs)
    vectors = _embedded(pairs, others, manifest, models_dir, report)
    members = _members(plan, pairs, others, vectors)
    for name, group in members.items():
        report(f"{name}: {len(group.persons)} pictures of {np.unique(group.persons).size} persons")
    try:
        content = _packed({name: statistics(group) for name, group in members.items()})
        scores = crossfit_scores(pairs, vectors, members, described.cohort)
    except ValueError as error:
        raise CalibrationError(f"a group of the cohort has {error}: add pictures of more people") from error
    thresholds = _thresholds(pairs, scores, plan, report)
    settings = {"[cohort]": {"sha256": f'"{hashlib.sha256(content).hexdigest()}"'}}
    settings["[decision]"] = {name: f"{value:.4f}" for name, value in thresholds.items()}
    _replace(manifest.parent / described.cohort.file.name, content)
    _replace(manifest, with_settings(manifest.read_text("utf-8"), settings).encode())
    for line in table(pairs, scores, thresholds):
        report(line)


def read_plan(manifest: Path) -> Plan:
    """What calibration alone wants to know of the manifest. Raises CalibrationError."""
    table = tomllib.loads(manifest.read_text("utf-8"))
    first, *further = table["cohort"]["groups"]
    try:
        groups = {group["name"]: tuple(group["pairs"]) for group in further}
        return Plan({first["name"]: (), **groups}, tuple(table["decision"]["strangers"]))
    except KeyError as error:
        raise CalibrationError(
            f"{manifest} does not say {error}: groups of the cohort but for the first name the groups of `pairs` they "
            "are made from, [decision] names those whose impostors set the thresholds (`strangers`)"
        ) from error


def with_settings(text: str, settings: Mapping[str, Mapping[str, str]]) -> str:
    """A TOML text with single values replaced, by section and key; everything else stays as it is."""
    for section, values in settings.items():
        start = text.index(section)
        for key, value in values.items():
            head, tail = text[:start], text[start:]
            replaced, count = re.subn(rf"^{key} = [^\s#]+", f"{key} = {value}", tail, count=1, flags=re.MULTILINE)
            if not count:
                raise CalibrationError(f"no {key} in {section} of the manifest")
            text = head + replaced
    return text


def table(pairs: Pairs, scores: NDArray[np.float64], thresholds: Mapping[str, float]) -> Iterator[str]:
    """Rows of Markdown: error rates by group at each threshold, with 95 % bounds by Clopper and Pearson."""
    yield "| group | threshold | genuine | FNMR % (95 %) | impostor | FMR per 1,000 (95 %) |"
    yield "|---|---|---|---|---|---|"
    for number, name in enumerate(pairs.groups):
        genuine, impostor = (scores[(pairs.group == number) & (pairs.same == same)] for same in (True, False))
        for threshold in thresholds.values():
            missed, taken = false_non_matches(genuine, threshold), false_matches(impostor, threshold)
            yield (
                f"| {name} | {threshold:.4f} | {missed.trials:,} | {_with_bounds(missed, 100)} "
                f"| {taken.trials:,} | {_with_bounds(taken, 1000)} |"
            )


def _with_bounds(rate: Rate, unit: int) -> str:
    low, high = rate.bounds()
    return f"{rate.value * unit:.2f} ({low * unit:.2f}-{high * unit:.2f})"


def _pictures_in(cohort: Path, pairs: Pairs) -> list[Path]:
    """All pictures in and below the folder that are not among the pairs."""
    listed = {pairs.path(picture).resolve() for picture in range(len(pairs.pictures))}
    found = sorted(path for path in cohort.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise CalibrationError(
            f"no {', '.join(sorted(_SUFFIXES))} in {cohort}: name a folder of pictures of people who are in no pair"
        )
    return [path for path in found if path.resolve() not in listed]


def _embedded(
    pairs: Pairs, others: list[Path], manifest: Path, models_dir: Path, report: Callable[[str], None]
) -> dict[int, Floats]:
    """Vectors of the pictures of the pairs by their number, and of the others, counted on from there."""
    paths = [*(pairs.path(picture) for picture in range(len(pairs.pictures))), *others]
    try:
        vectors = embed_pictures(paths, manifest, models_dir, report)
    except PictureError as error:
        raise CalibrationError(f"{paths[error.picture]} {error.reason}: replace or remove it") from error
    if without := [path for number, path in enumerate(paths) if number not in vectors]:
        report(f"no face found in {len(without)} of {len(paths)} pictures, such as {without[0]}")
    return vectors


def _members(plan: Plan, pairs: Pairs, others: list[Path], vectors: Mapping[int, Floats]) -> dict[str, Members]:
    """Of the pairs, the pictures on the camera's side count; the others' persons are told by file names."""
    names: dict[tuple[Path, str], int] = {}
    first = int(pairs.person.max()) + 1
    persons = [first + names.setdefault((path.parent, path.stem.rpartition("_")[0] or path.stem), len(names))
               for path in others]  # fmt: skip
    person = np.concatenate([pairs.person, np.array(persons, np.intp)])
    members = {}
    for group, sources in plan.cohort.items():
        if sources:
            chosen = np.unique(pairs.right[np.isin(pairs.group, [pairs.groups.index(name) for name in sources])])
        else:
            chosen = np.arange(len(pairs.pictures), person.size)
        seen = [int(picture) for picture in chosen if int(picture) in vectors]
        if not seen:
            raise CalibrationError(f"no face in any picture of the cohort's group {group}: give other pictures")
        members[group] = Members(np.stack([vectors[picture] for picture in seen]), person[seen])
    return members


def _thresholds(
    pairs: Pairs, scores: NDArray[np.float64], plan: Plan, report: Callable[[str], None]
) -> dict[str, float]:
    chosen = np.isin(pairs.group, [pairs.groups.index(name) for name in plan.strangers]) & ~pairs.same
    impostors = scores[chosen]
    if np.isneginf(impostors).all():
        raise CalibrationError(f"no face in the impostor pairs of {', '.join(plan.strangers)}: give other pictures")
    report(f"thresholds are set on {impostors.size:,} impostor pairs of {', '.join(plan.strangers)}")
    for name, rate in _RATES.items():
        if impostors.size * rate < _FEW:
            report(
                f"warning: {name} hangs on the {int(impostors.size * rate)} highest of them, at least {_FEW} should "
                f"stand behind it: {_FEW / rate:,.0f} impostor pairs make it sure"
            )
    return {name: threshold_at(impostors, rate) for name, rate in _RATES.items()}


def _packed(groups: Mapping[str, Statistics]) -> bytes:
    arrays: dict[str, Any] = {
        f"{name}_{part}": getattr(group, part).astype(np.float16) for name, group in groups.items() for part in PARTS
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)
