"""Strangers that a score is measured against.

The same distance means less between two faces of a group that the recogniser knows poorly. So a score is
the similarity of two faces less the mean similarity of each to the strangers most like it (compare the fair
score normalisation of Terhoerst et al., 2020). The strangers are drawn, always alike, from means and
covariances of groups of real faces; none of them is a person.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware.face.embed import unit
from firmware.face.manifest import CohortRule, ModelError
from firmware.tflite import Floats

_RIDGE = 1e-5
"""Of the mean variance, added to each variance: rounding must not make a covariance indefinite."""


@dataclass(frozen=True)
class Statistics:
    """A group of faces in aggregate: mean, N, and covariance, N x N, of embeddings of length 1."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    def pulled_towards(self, other: "Statistics", weight: float) -> "Statistics":
        """The same mean, with a covariance of which `weight` is the other's: few faces make a poor covariance."""
        return Statistics(self.mean, (1 - weight) * self.covariance + weight * other.covariance)


class Cohort:
    """The strangers, and the centre of all faces."""

    def __init__(self, rule: CohortRule, groups: Mapping[str, Statistics]) -> None:
        """Draws the strangers. The first group of `rule` gives the centre. Raises ModelError."""
        generator = np.random.Generator(np.random.PCG64(rule.seed))
        general = groups[next(iter(rule.draws))]
        self._centre = general.mean.astype(np.float32)
        self._nearest = rule.nearest
        drawn = []
        for name, count in rule.draws.items():
            group = groups[name].pulled_towards(general, rule.shrinkage[name])
            noise = generator.standard_normal((count, general.mean.size))
            ridge = np.eye(general.mean.size) * (_RIDGE * np.trace(group.covariance) / general.mean.size)
            try:
                factor = np.linalg.cholesky(group.covariance + ridge)
            except np.linalg.LinAlgError as error:
                raise ModelError(rule.file.name, f"covariance of {name} is not one") from error
            drawn.append(unit((group.mean + noise @ factor.T).astype(np.float32)))
        self._strangers = self.centred(np.concatenate(drawn))

    def centred(self, vectors: Floats) -> Floats:
        """Directions as seen from the centre of all faces; rows of length 1."""
        return unit(vectors - self._centre)

    def nearness(self, centred: Floats) -> Floats:
        """Mean similarity of each row to the strangers most like it."""
        similarities = np.atleast_2d(centred) @ self._strangers.T
        nearest = np.partition(similarities, -self._nearest, axis=1)[:, -self._nearest :]
        mean: Floats = nearest.mean(1)
        return mean


def read_statistics(content: bytes, rule: CohortRule, size: int) -> dict[str, Statistics]:
    """The groups of `rule` out of the file of aggregate statistics. Raises ModelError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            groups = {
                name: Statistics(
                    arrays[f"{name}_mean"].astype(np.float64), arrays[f"{name}_covariance"].astype(np.float64)
                )
                for name in rule.draws
            }
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(rule.file.name, "does not hold the groups that the manifest names") from error
    if any(group.mean.shape != (size,) or group.covariance.shape != (size, size) for group in groups.values()):
        raise ModelError(rule.file.name, f"is not about embeddings of length {size}")
    return groups
