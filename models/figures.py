"""Error rates of comparisons, by the terms of ISO/IEC 19795-1, and how sure they are.

A comparison is *genuine* (mated) where both pictures show one person, else *impostor* (non-mated). It matches
where its score is at or above the threshold; where no face was found its score is minus infinity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Rate:
    """`errors` in `trials`."""

    errors: int
    trials: int

    @property
    def value(self) -> float:
        """The rate seen."""
        return self.errors / self.trials

    def bounds(self, confidence: float = 0.95) -> tuple[float, float]:
        """Exact binomial bounds (Clopper and Pearson 1934)."""
        tail = (1 - confidence) / 2
        k, n = self.errors, self.trials
        i = np.arange(1, k + 1)
        ways = np.concatenate([[0.0], np.cumsum(np.log((n - i + 1) / i))])
        low = 0.0 if k == 0 else _solve(lambda p: 1 - _at_most(ways[:-1], n, p), tail, rising=True)
        high = 1.0 if k == n else _solve(lambda p: _at_most(ways, n, p), tail, rising=False)
        return low, high

    def bounded(self, unit: int) -> str:
        """In per `unit`, with its bounds in brackets."""
        low, high = self.bounds()
        return f"{self.value * unit:.2f} ({low * unit:.2f}-{high * unit:.2f})"


def threshold_at(impostors: Scores, rate: float) -> float:
    """The smallest threshold whose false match rate over these scores is at most `rate`.

    Scores that are equal match or fail together, so the rate reached may be lower. With fewer scores than
    1 / `rate` it is 0: the threshold then lies just above the highest score and says little about `rate`.
    """
    ordered = np.sort(impostors)[::-1]
    return float(np.nextafter(ordered[int(rate * ordered.size)], ordered.dtype.type(np.inf)))


def false_matches(impostors: Scores, threshold: float) -> Rate:
    """FMR: impostor comparisons at or above the threshold."""
    return Rate(int((impostors >= threshold).sum()), impostors.size)


def false_non_matches(genuine: Scores, threshold: float) -> Rate:
    """FNMR: genuine comparisons below the threshold, those without a face among them."""
    return Rate(int((genuine < threshold).sum()), genuine.size)


def _at_most(ways: NDArray[np.float64], n: int, p: float) -> float:
    """Probability of fewer than len(`ways`) errors in n trials; `ways`: logarithms of n choose 0, 1, ..."""
    if p in (0.0, 1.0):
        return 1.0 - p
    i = np.arange(ways.size)
    return min(1.0, float(np.exp(ways + i * log(p) + (n - i) * log1p(-p)).sum()))


def _solve(function: Callable[[float], float], value: float, rising: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if (function(middle) < value) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
