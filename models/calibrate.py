"""Makes the cohort's statistics and the thresholds from pictures, for whatever recogniser the manifest names.

The committed statistics are of all pictures. The scores that set the thresholds are not: for each pair, the
cohort is drawn from statistics without the pictures of either person (and of the persons that share their
fold), because a cohort that knew them would make the thresholds too strict.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement, groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware.face.cohort import PARTS, Cohort, Statistics
from firmware.face.decide import scores
from firmware.face.embed import Embedding
from firmware.face.manifest import CohortRule, load_manifest
from firmware.face.photo import PhotoError
from firmware.face.vision import FaceVision
from firmware.tflite import Floats
from models.figures import Rate, false_matches, false_non_matches, threshold_at
from models.pictures import EAST_ASIAN, Group, cohort_paths, person, read_groups

_FOLDS = 10
FACTORS = 64
"""Directions kept of a group's covariance; of the rest only how much there is, number by number."""


class CalibrationError(Exception):
    """There is nothing to calibrate with."""


@dataclass(frozen=True)
class Scored:
    """Scores of one group of people."""

    name: str
    genuine: Floats
    impostor: Floats


def calibrate(models_dir: Path, manifest: Path, pictures: Path, report: Callable[[str], None]) -> None:
    """Rewrites the statistics beside `manifest` and the thresholds in it. Raises CalibrationError, ModelError."""
    described = load_manifest(manifest)
    vision = FaceVision(described, models_dir)
    vectors: dict[str, Floats] = {}
    for name, paths in _folders(pictures).items():
        found = embed_paths(vision, pictures, paths)
        report(f"{name}: a face in {len(found)} of {len(paths)} pictures")
        vectors |= {path: embedding.vector for path, embedding in found.items()}
    groups = [_seen(group, vectors) for group in read_groups(pictures)]
    members = {name: [path for path in paths if path in vectors] for name, paths in cohort_paths(pictures).items()}
    if not groups or not all(members.values()):
        raise CalibrationError(f"{pictures} lacks pictures of a group")
    scored = crossfit(groups, vectors, members, described.cohort)
    strangers = np.concatenate([group.impostor for group in scored if group.name in EAST_ASIAN])
    thresholds = {
        "threshold_fmr_1e3": threshold_at(strangers, 1e-3),
        "threshold_fmr_1e4": threshold_at(strangers, 1e-4),
    }
    content = _packed({name: group_statistics(paths, vectors) for name, paths in members.items()})
    (manifest.parent / described.cohort.file.name).write_bytes(content)
    settings = {"[cohort]": {"sha256": f'"{hashlib.sha256(content).hexdigest()}"'}}
    settings["[decision]"] = {name: f"{value:.4f}" for name, value in thresholds.items()}
    manifest.write_text(with_settings(manifest.read_text("utf-8"), settings), "utf-8")
    for line in table(scored, thresholds.values()):
        report(line)


def embed_paths(vision: FaceVision, folder: Path, paths: Iterable[str]) -> dict[str, Embedding]:
    """Embeddings of pictures in `folder` by path; a picture without a face is left out."""
    return {path: found for path in paths if (found := _embed(vision, folder / path))}


def crossfit(
    groups: Iterable[Group], vectors: Mapping[str, Floats], members: Mapping[str, list[str]], rule: CohortRule
) -> list[Scored]:
    """Scores of all pairs, each against a cohort that knows neither person."""
    groups = list(groups)
    folds = _folds(vectors)
    general = group_statistics(members["general"], vectors)
    matrices = {group.name: np.zeros(group.genuine.shape, np.float32) for group in groups}
    for left, right in combinations_with_replacement(range(_FOLDS), 2):
        others = {
            name: group_statistics([path for path in paths if folds[person(path)] not in (left, right)], vectors)
            for name, paths in members.items()
            if name != "general"
        }
        cohort = Cohort(rule, {"general": general} | others)
        for group in groups:
            references, lives = (_stack(paths, vectors) for paths in (group.references, group.lives))
            for one, other in {(left, right), (right, left)}:
                rows, columns = _members_of(one, group.references, folds), _members_of(other, group.lives, folds)
                matrices[group.name][np.ix_(rows, columns)] = scores(cohort, references[rows], lives[columns])
    return [
        Scored(group.name, matrices[group.name][group.genuine], matrices[group.name][group.impostor])
        for group in groups
    ]


def group_statistics(paths: Iterable[str], vectors: Mapping[str, Floats]) -> Statistics:
    """Mean and covariance in which every person counts the same, however many pictures there are."""
    paths = list(paths)
    _, inverse, counts = np.unique([person(path) for path in paths], return_inverse=True, return_counts=True)
    weights = 1 / (counts[inverse] * counts.size)
    stacked = _stack(paths, vectors).astype(np.float64)
    mean = weights @ stacked
    scale = np.sqrt(weights / (1 - float((weights**2).sum())))
    _, extents, directions = np.linalg.svd((stacked - mean) * scale[:, None], full_matrices=False)
    factors = extents[:, None] * directions
    rest = np.sqrt((factors[FACTORS:] ** 2).sum(0))
    return Statistics(*(part.astype(np.float32) for part in (mean, factors[:FACTORS], rest)))


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


def table(scored: Iterable[Scored], thresholds: Iterable[float]) -> Iterable[str]:
    """Rows of Markdown: error rates by group at each threshold, with 95 % bounds."""
    thresholds = list(thresholds)
    yield "| group | threshold | genuine | FNMR % (95 %) | impostor | FMR per 1,000 (95 %) |"
    yield "|---|---|---|---|---|---|"
    for group in scored:
        for threshold in thresholds:
            missed = false_non_matches(group.genuine, threshold)
            taken = false_matches(group.impostor, threshold)
            yield (
                f"| {group.name} | {threshold:.4f} | {missed.trials} | {_with_bounds(missed, 100)} "
                f"| {taken.trials} | {_with_bounds(taken, 1000)} |"
            )


def _with_bounds(rate: Rate, unit: int) -> str:
    low, high = rate.bounds()
    return f"{rate.value * unit:.2f} ({low * unit:.2f}-{high * unit:.2f})"


def _embed(vision: FaceVision, path: Path) -> Embedding | None:
    if path.suffix == ".jp2":
        try:
            return vision.reference(path.read_bytes())
        except PhotoError:
            return None
    with Image.open(path) as picture:
        frame = np.asarray(picture.convert("RGB"))
    sighting = vision.look(frame)
    return None if sighting.mesh is None else vision.live(frame, sighting)


def _folders(pictures: Path) -> dict[str, list[str]]:
    """The pictures in use, as paths within the folder, by the folder they lie in."""
    used = {path for group in read_groups(pictures) for path in (*group.references, *group.lives)}
    used.update(path for paths in cohort_paths(pictures).values() for path in paths)
    return {name: list(paths) for name, paths in groupby(sorted(used), lambda path: path.split("/")[0])}


def _seen(group: Group, vectors: Mapping[str, Floats]) -> Group:
    references = tuple(path for path in group.references if path in vectors)
    return Group(group.name, references, tuple(path for path in group.lives if path in vectors))


def _folds(paths: Iterable[str]) -> dict[str, int]:
    return {name: number % _FOLDS for number, name in enumerate(sorted({person(path) for path in paths}))}


def _members_of(fold: int, paths: Iterable[str], folds: Mapping[str, int]) -> NDArray[np.intp]:
    """Positions in `paths` of the fold's persons."""
    return np.flatnonzero([folds[person(path)] == fold for path in paths])


def _stack(paths: Iterable[str], vectors: Mapping[str, Floats]) -> Floats:
    return np.stack([vectors[path] for path in paths])


def _packed(groups: Mapping[str, Statistics]) -> bytes:
    arrays = {
        f"{name}_{part}": getattr(group, part).astype(np.float16) for name, group in groups.items() for part in PARTS
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
