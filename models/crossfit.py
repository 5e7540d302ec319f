"""Scores of pairs against strangers that know neither person of the pair.

A cohort that knew them would score them too low, and thresholds set by such scores would be too strict. So the
persons are dealt into folds, and the pairs of each two folds are scored by a cohort made without anybody of those two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from firmware.face.cohort import Cohort, Statistics
from firmware.face.manifest import CohortRule
from firmware.tflite import Floats
from models.evaluate_pairs import Indices, Pairs
from models.evaluate_scores import score_pairs

_FOLDS = 10
FACTORS = 64
"""Directions kept of a group's covariance; of the rest only how much there is, number by number."""


class CalibrationError(Exception):
    """What there is to calibrate with does not do; the text says what to change."""


@dataclass(frozen=True, eq=False)
class Members:
    """M faces of one group of the cohort."""

    vectors: Floats
    """M x N."""
    persons: Indices
    """M: numbered as `Pairs.person`; people who are in no pair have numbers of their own."""

    def without(self, persons: Indices) -> "Members":
        """All but the faces of these persons."""
        kept = ~np.isin(self.persons, persons)
        return self if kept.all() else Members(self.vectors[kept], self.persons[kept])


def crossfit_scores(
    pairs: Pairs,
    vectors: Mapping[int, Floats],
    members: Mapping[str, Members],
    rule: CohortRule,
    report: Callable[[str], None] = lambda line: None,
) -> NDArray[np.float64]:
    """P scores of `pairs`; minus infinity where a picture has no vector. `vectors`: of the pictures, by number.

    `members` are the groups of `rule`. Raises CalibrationError where a group has nobody but the people of two folds.
    """
    found = np.empty(pairs.left.size)
    folds = pairs.person % _FOLDS
    of_pair = np.sort(np.stack([folds[pairs.left], folds[pairs.right]]), axis=0)
    whole = {name: statistics(group) for name, group in members.items()}
    cohorts = list(combinations_with_replacement(range(_FOLDS), 2))
    for number, (left, right) in enumerate(cohorts, 1):
        chosen = np.flatnonzero((of_pair[0] == left) & (of_pair[1] == right))
        if not chosen.size:
            continue
        known = pairs.person[(folds == left) | (folds == right)]
        others = {name: group.without(known) for name, group in members.items()}
        groups = {name: whole[name] if group is members[name] else statistics(group) for name, group in others.items()}
        found[chosen] = score_pairs(pairs, chosen, vectors, Cohort(rule, groups))
        if number % _FOLDS == 0:
            report(f"scored with {number} of {len(cohorts)} cohorts")
    return found


def statistics(group: Members) -> Statistics:
    """Mean and covariance in which every person counts the same, however many pictures there are.

    Raises CalibrationError where there are fewer than two persons.
    """
    _, inverse, counts = np.unique(group.persons, return_inverse=True, return_counts=True)
    if counts.size < 2:
        raise CalibrationError(
            "without those of a pair, a group of the cohort shows nobody: give pictures of more people"
        )
    weights = 1 / (counts[inverse] * counts.size)
    faces = group.vectors.astype(np.float64)
    mean = weights @ faces
    scale = np.sqrt(weights / (1 - float((weights**2).sum())))
    _, extents, directions = np.linalg.svd((faces - mean) * scale[:, None], full_matrices=False)
    factors = extents[:, None] * directions
    rest = np.sqrt((factors[FACTORS:] ** 2).sum(0))
    return Statistics(*(part.astype(np.float32) for part in (mean, factors[:FACTORS], rest)))
