"""Makes the cohort's statistics and the thresholds from pictures: `python -m models calibrate`.

It does so for whatever recognisers the manifest names. The statistics written are of all pictures; the scores that
set the thresholds come from cohorts that know neither person of a pair (models/crossfit.py).
"""

import hashlib
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware.face.cohort import PARTS, Statistics
from firmware.face.manifest import load_manifest
from firmware.face.vision import FaceVision
from firmware.tflite import Floats
from models.calibrate_cohort import embed_others, members_of, namesakes, read_folder
from models.crossfit import CalibrationError, Members, crossfit_scores, statistics
from models.evaluate_pairs import Pairs, PairsError, read_pairs
from models.evaluate_scores import embed_pairs
from models.figures import false_matches, false_non_matches, threshold_at

_RATES = {"threshold_fmr_1e3": 1e-3, "threshold_fmr_1e4": 1e-4}
_ENOUGH = 10
"""Impostors at or above a threshold from which on it is not called unsure."""


@dataclass(frozen=True)
class Plan:
    """What each group of the list of pairs serves for, as the manifest says."""

    members: dict[str, tuple[str, ...]]
    """By group of the cohort: groups of the list whose pictures join it. The first has the folder's as well."""
    impostors: tuple[str, ...]
    """Groups whose impostors set the thresholds."""
    used: str
    """The threshold that the reader decides by."""


def calibrate(
    pairs_file: Path, cohort: Path, models_dir: Path, manifest: Path, report: Callable[[str], None]
) -> list[str]:
    """Rewrites the statistics beside `manifest` and the thresholds in it; gives the cross-fitted rates as a table.

    `cohort`: folder of pictures of people in general. Raises PairsError, ModelError, CalibrationError, OSError.
    """
    described = load_manifest(manifest)
    FaceVision(described, models_dir)  # a model that is missing or unlike its description ends it here
    pairs = read_pairs(pairs_file)
    if pairs.contradictory.any():
        line = int(pairs.line[np.argmax(pairs.contradictory)])
        raise PairsError(pairs_file, line, "two persons here, one by other lines: correct same")
    plan = read_plan(manifest, pairs)
    strangers = ~pairs.same & np.isin(pairs.group, [pairs.groups.index(name) for name in plan.impostors])
    check_number(int(strangers.sum()), plan, report)
    vectors, members = _faces(pairs, cohort, plan, models_dir, manifest, report)
    scores = crossfit_scores(pairs, vectors, members, described.cohort, report)
    if np.isneginf(scores[strangers]).mean() > 0.5:
        raise CalibrationError(
            f"no face in most pictures of {', '.join(plan.impostors)}: look at them, are they upright?"
        )
    thresholds = {
        name: ceil(threshold_at(scores[strangers], rate) * 1e4) / 1e4  # as many digits as are written
        for name, rate in _RATES.items()
    }
    content = _packed({name: statistics(group) for name, group in members.items()})
    settings = {"cohort": {"sha256": f'"{hashlib.sha256(content).hexdigest()}"'}}
    settings["decision"] = {name: f"{value:.4f}" for name, value in thresholds.items()}
    text = with_settings(manifest.read_text("utf-8"), settings)
    _replace({manifest.parent / described.cohort.file.name: content, manifest: text.encode()})
    for name, value in thresholds.items():
        reached = false_matches(scores[strangers], value)
        report(f"{name} = {value:.4f}: {reached.errors:,} of {reached.trials:,} impostor pairs reach it")
    return list(table(pairs, scores, thresholds.values()))


def read_plan(manifest: Path, pairs: Pairs) -> Plan:
    """The manifest's plan for this list. Raises CalibrationError where the list lacks a group."""
    read = tomllib.loads(manifest.read_text("utf-8"))
    decision = read["decision"]
    plan = Plan(
        members={group["name"]: tuple(group.get("pairs", ())) for group in read["cohort"]["groups"]},
        impostors=tuple(decision.get("impostors", pairs.groups)),
        used=f"threshold_{decision['use']}",
    )
    named = {f"group {name} in [cohort]": groups for name, groups in plan.members.items()}
    for where, groups in (*named.items(), ("`impostors` in [decision]", plan.impostors)):
        if missing := [name for name in groups if name not in pairs.groups]:
            raise CalibrationError(
                f"{where} of {manifest} names {', '.join(missing)}, and {pairs.file} has only the groups "
                f"{', '.join(pairs.groups)}: name some of these there, or leave that line's key out"
            )
    return plan


def check_number(impostors: int, plan: Plan, report: Callable[[str], None]) -> None:
    """Warns of a threshold that so many impostor pairs leave unsure. Raises CalibrationError where they are too few for
    the one that the reader decides by."""
    for name, rate in _RATES.items():
        reaching = int(impostors * rate)
        said = (
            f"{impostors:,} impostor pairs ({', '.join(plan.impostors)}) for a false match rate of 1 in {1 / rate:,.0f}"
        )
        people = ceil((1 + sqrt(1 + 4 * _ENOUGH / rate)) / 2)
        wanted = f"{_ENOUGH / rate:,.0f} are enough ({people:,} people, all against all)"
        if not reaching and name == plan.used:
            raise CalibrationError(f"only {said}: {wanted}; or name another threshold under `use` in [decision]")
        if reaching < _ENOUGH:
            report(f"warning: {name} is unsure, with only {said}: {wanted}")


def with_settings(text: str, settings: Mapping[str, Mapping[str, str]]) -> str:
    """A TOML text with single values replaced, by section and key; everything else stays as it is."""
    for section, values in settings.items():
        for key, value in values.items():
            pattern = rf'^(\[{section}\].*\n(?:(?!\[).*\n)*?{key} = )("[^"\n]*"|[^\s#]+)'
            text, count = re.subn(pattern, rf"\g<1>{value}", text, count=1, flags=re.MULTILINE)
            if not count:
                raise CalibrationError(f"no {key} in [{section}] of the manifest: write it there, on a line of its own")
    return text


def table(pairs: Pairs, scores: NDArray[np.float64], thresholds: Iterable[float]) -> Iterator[str]:
    """Rows of Markdown: error rates by group at each threshold, with 95 % bounds."""
    thresholds = list(thresholds)
    yield "| group | threshold | genuine | FNMR % (95 %) | impostor | FMR per 1,000 (95 %) |"
    yield "|---|---|---|---|---|---|"
    for number, name in enumerate(pairs.groups):
        genuine, impostor = (scores[(pairs.group == number) & kind] for kind in (pairs.same, ~pairs.same))
        for threshold in thresholds:
            missed, taken = false_non_matches(genuine, threshold), false_matches(impostor, threshold)
            yield (
                f"| {name} | {threshold:.4f} | {missed.trials:,} | {missed.bounded(100)} "
                f"| {taken.trials:,} | {taken.bounded(1000)} |"
            )


def _faces(
    pairs: Pairs, cohort: Path, plan: Plan, models_dir: Path, manifest: Path, report: Callable[[str], None]
) -> tuple[dict[int, Floats], dict[str, Members]]:
    """Vectors of the pictures of `pairs` and of the folder `cohort` by number, and the groups of the cohort."""
    folder = read_folder(cohort, pairs)
    count, more = len(pairs.pictures), len(folder.others)
    if same := namesakes(folder, pairs):
        some = f"{', '.join(same[:3])}, {len(same):,} names in all"
        report(f"warning: {some}, are both listed and in {cohort}: if they are the same people, take them out there")
    report(f"{count:,} pictures of {pairs.file}, then {more:,} of {cohort}")
    listed = embed_pairs(pairs, manifest, models_dir, report)
    others = embed_others(folder, pairs, manifest, models_dir, report)
    report(
        f"no face in {count - len(listed):,} of the list, which match nobody, and {more - len(others):,} of the others"
    )
    vectors = listed | others
    members = members_of(plan.members, pairs, folder, vectors)
    for name, group in members.items():
        report(f"{name}: {len(group.vectors):,} faces of {np.unique(group.persons).size:,} people")
    return vectors, members


def _packed(groups: Mapping[str, Statistics]) -> bytes:
    arrays = {
        f"{name}_{part}": getattr(group, part).astype(np.float16) for name, group in groups.items() for part in PARTS
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Writes all files before it puts any of them in its place."""
    unfinished = {path: path.with_name(f"{path.name}.part") for path in contents}
    for path, content in contents.items():
        unfinished[path].write_bytes(content)
    for path, part in unfinished.items():
        part.replace(path)
