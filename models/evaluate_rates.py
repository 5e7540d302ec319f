"""Error rates of one group of people, by the terms of ISO/IEC 19795-1.

- FMR: impostor comparisons whose score is at or above the threshold, of all impostor comparisons.
- FNMR: genuine comparisons whose score is below the threshold, of all genuine comparisons.
- A comparison in which either picture shows no face matches at no threshold: a genuine one counts in FNMR, an
  impostor one among the impostor comparisons that did not match. (19795-1 would report such pictures apart, as
  failures to enrol and to acquire; a patient is turned away in either case.)
- The group's own threshold for a nominal FMR is the smallest at which the FMR seen is at most the nominal one.
- Bounds are of 95 %. Those of Clopper and Pearson treat comparisons as independent and the threshold as given. One
  person is in many comparisons, and the threshold was found on the same people, so bounds by a bootstrap stand
  beside them: persons are drawn again with replacement, 1,000 times, and a comparison counts as often as its one
  person, or as the product of its two; the own threshold is found anew each time. With few persons (below about
  twenty) they are too narrow as well, and where no error was seen they show none: go by the others then.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluate_pairs import Indices
from models.figures import Rate, false_matches, false_non_matches, threshold_at

NOMINAL = {"1e-3": 1e-3, "1e-4": 1e-4}
"""False match rates by their names in the report."""
RESAMPLES = 1000
Report = dict[str, Any]
"""As it is written to the JSON file."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Scores of a group; minus infinity without a face."""

    genuine: NDArray[np.float64]
    impostor: NDArray[np.float64]
    genuine_person: Indices
    """Whose each genuine comparison is, as a number."""
    impostor_persons: Indices
    """2 x impostors: of which two."""

    @property
    def persons(self) -> int:
        """How many there are."""
        return int(np.union1d(self.genuine_person, self.impostor_persons).size)

    @property
    def no_face(self) -> int:
        """Comparisons in which either picture shows no face."""
        return int(np.isneginf(self.genuine).sum() + np.isneginf(self.impostor).sum())


@dataclass(frozen=True, eq=False)
class Resampled:
    """The rates of 1,000 draws of persons, by nominal FMR; not a number where no genuine comparison was drawn."""

    own_fnmr: dict[str, NDArray[np.float64]]
    shipped_fmr: dict[str, NDArray[np.float64]]
    shipped_fnmr: dict[str, NDArray[np.float64]]


def group_report(comparisons: Comparisons, shipped: Mapping[str, float]) -> Report:
    """All figures of a group. `shipped`: the manifest's thresholds by nominal FMR."""
    draws = resample(comparisons, shipped)
    return {
        "genuine": comparisons.genuine.size,
        "impostor": comparisons.impostor.size,
        "no_face": comparisons.no_face,
        "persons": comparisons.persons,
        "fnmr_at_fmr": {name: _own(comparisons, rate, draws.own_fnmr[name]) for name, rate in NOMINAL.items()},
        "shipped": {
            name: _shipped(comparisons, shipped[name], draws.shipped_fmr[name], draws.shipped_fnmr[name])
            for name in NOMINAL
        },
    }


def resample(comparisons: Comparisons, shipped: Mapping[str, float]) -> Resampled:
    """Bootstrap by person; the same draws for the same comparisons."""
    persons, numbers = np.unique(
        np.concatenate([comparisons.genuine_person, comparisons.impostor_persons.ravel()]), return_inverse=True
    )
    up = np.argsort(comparisons.genuine)
    down = np.argsort(-comparisons.impostor)
    genuine, impostor = comparisons.genuine[up], comparisons.impostor[down]
    own = numbers[: genuine.size][up]
    first, second = numbers[genuine.size :].reshape(2, -1)[:, down]
    lone = np.flatnonzero(first == second)
    misses = {name: np.searchsorted(genuine, shipped[name]) for name in NOMINAL}
    matches = {name: np.searchsorted(-impostor, -shipped[name], side="right") for name in NOMINAL}
    result = Resampled(*({name: np.full(RESAMPLES, np.nan) for name in NOMINAL} for _ in range(3)))
    for draw, times in enumerate(person_draws(persons.size)):
        weights = times[first] * times[second]
        weights[lone] = times[first[lone]]
        refused = np.concatenate([[0], np.cumsum(times[own])])
        matched = np.concatenate([[0], np.cumsum(weights)])
        if not (refused[-1] and matched[-1]):
            continue
        for name, rate in NOMINAL.items():
            # The first score that is one too many lies just below the threshold.
            limit = impostor[np.searchsorted(matched, rate * matched[-1], side="right") - 1]
            result.own_fnmr[name][draw] = refused[np.searchsorted(genuine, limit, side="right")] / refused[-1]
            result.shipped_fmr[name][draw] = matched[matches[name]] / matched[-1]
            result.shipped_fnmr[name][draw] = refused[misses[name]] / refused[-1]
    return result


def person_draws(persons: int) -> Iterator[Indices]:
    """How often each person is drawn, as many in all as there are; the same draws in every run."""
    generator = np.random.default_rng(19795)
    for _ in range(RESAMPLES):
        yield np.bincount(generator.integers(persons, size=persons), minlength=persons)


def _own(comparisons: Comparisons, nominal: float, draws: NDArray[np.float64]) -> Report:
    """FNMR at the group's own threshold, with what that threshold is worth.

    Fewer impostor comparisons than 1 / `nominal` cannot show such an FMR. The figures are given all the same, at the
    threshold just above the highest impostor score; "too_few_impostors" says so, and "fmr_high" how high the FMR
    there may be.
    """
    threshold = threshold_at(comparisons.impostor, nominal)
    missed = false_non_matches(comparisons.genuine, threshold)
    taken = false_matches(comparisons.impostor, threshold)
    return {
        "fnmr": missed.value,
        **_bounds("", missed, draws),
        "threshold": threshold,
        "fmr": taken.value,
        "fmr_high": taken.bounds()[1],
        "too_few_impostors": comparisons.impostor.size * nominal < 1,
    }


def _shipped(comparisons: Comparisons, threshold: float, fmr: NDArray[np.float64], fnmr: NDArray[np.float64]) -> Report:
    taken = false_matches(comparisons.impostor, threshold)
    missed = false_non_matches(comparisons.genuine, threshold)
    return {
        "fmr": taken.value,
        **_bounds("fmr_", taken, fmr),
        "fnmr": missed.value,
        **_bounds("fnmr_", missed, fnmr),
        "threshold": threshold,
    }


def _bounds(prefix: str, rate: Rate, draws: NDArray[np.float64]) -> Report:
    low, high = rate.bounds()
    drawn = draws[~np.isnan(draws)]
    by_person = [float(value) for value in np.percentile(drawn, [2.5, 97.5])] if drawn.size else [None, None]
    return {
        f"{prefix}low": low,
        f"{prefix}high": high,
        f"{prefix}bootstrap_low": by_person[0],
        f"{prefix}bootstrap_high": by_person[1],
    }
