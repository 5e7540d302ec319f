"""Error rates and how sure they are."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

import numpy as np

from firmware.tflite import Floats


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
        low = 0.0 if k == 0 else _solve(lambda p: 1 - _at_most(k - 1, n, p), tail, rising=True)
        high = 1.0 if k == n else _solve(lambda p: _at_most(k, n, p), tail, rising=False)
        return low, high


def threshold_at(impostors: Floats, rate: float) -> float:
    """The lowest score seen that at most `rate` of the impostors' scores reach."""
    ordered = np.sort(impostors)[::-1]
    allowed = int(rate * ordered.size)
    return float(np.nextafter(ordered[allowed], np.float32(np.inf)))


def false_matches(impostors: Floats, threshold: float) -> Rate:
    """Strangers taken for one person."""
    return Rate(int((impostors >= threshold).sum()), impostors.size)


def false_non_matches(genuine: Floats, threshold: float) -> Rate:
    """One person taken for two."""
    return Rate(int((genuine < threshold).sum()), genuine.size)


def _at_most(k: int, n: int, p: float) -> float:
    """Probability of at most k errors in n trials."""
    if p in (0.0, 1.0):
        return 1.0 - p
    logs = [lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) + (n - i) * log1p(-p) for i in range(k + 1)]
    return min(1.0, sum(exp(value) for value in logs))


def _solve(function: Callable[[float], float], value: float, rising: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if (function(middle) < value) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
