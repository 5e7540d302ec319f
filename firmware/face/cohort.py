"""Strangers that a score is measured against.

The same distance means less between two faces of a group that the recognisers know poorly. So a score is
the similarity of two faces less the mean similarity of each to the strangers most like it (compare the fair
score normalisation of Terhoerst et al., 2020). The strangers are drawn, always alike, from means and
covariances of groups of real faces; none of them is a person.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import cast

import numpy as np
from numpy.typing import NDArray

from firmware.face.embed import unit
from firmware.face.manifest import CohortRule, ModelError
from firmware.tflite import Floats


@dataclass(frozen=True)
class Statistics:
    """A group of faces in aggregate: what its embeddings vary about, and how.

    The covariance of the N numbers of an embedding is `factors`.T @ `factors` + diag(`rest` ** 2): the K
    directions in which faces differ most, and what is left, number by number.
    """

    mean: Floats
    factors: Floats
    """K x N."""
    rest: Floats
    """N standard deviations."""

    def pulled_towards(self, other: "Statistics", weight: float) -> "Statistics":
        """The same mean, with a covariance of which `weight` is the other's: few faces make a poor covariance."""
        factors = np.concatenate(
            [self.factors * np.float32(sqrt(1 - weight)), other.factors * np.float32(sqrt(weight))]
        )
        return Statistics(self.mean, factors, np.sqrt((1 - weight) * self.rest**2 + weight * other.rest**2))


@dataclass(frozen=True)
class _Crowd:
    """Strangers drawn from one group. Each is a row of `places` times `basis`, its parts divided by `lengths`.

    What the group's factors leave of the covariance lies in so many directions that it is next to orthogonal to
    any face: it makes a stranger longer, and is not drawn.
    """

    places: Floats
    """Count x (1 + K): 1, and the draws along the factors."""
    basis: Floats
    """(1 + K) x N: the group's mean as seen from the centre, and its factors."""
    lengths: Floats
    """Count x number of parts."""


class Cohort:
    """The strangers, and the centre of all faces."""

    def __init__(self, rule: CohortRule, groups: Mapping[str, Statistics]) -> None:
        """Draws the strangers. The first group of `rule` gives the centre, and what others are pulled towards."""
        generator = np.random.Generator(np.random.PCG64(rule.seed))
        general = groups[next(iter(rule.draws))]
        self._centre = general.mean
        self._nearest = rule.nearest
        self._shares = np.sqrt(np.array(rule.shares, np.float32))
        self._ends = np.cumsum(rule.sizes)[:-1]
        self._crowds = [
            self._drawn(groups[name].pulled_towards(general, rule.shrinkage[name]), count, generator)
            for name, count in rule.draws.items()
        ]

    def centred(self, vectors: Floats) -> Floats:
        """Directions as seen from the centre of all faces, each recogniser's part weighted by its share in a
        similarity; rows of length 1."""
        parts = zip(self._parts(vectors - self._centre), self._shares, strict=True)
        return np.concatenate([unit(part) * share for part, share in parts], axis=-1)

    def nearness(self, centred: Floats) -> Floats:
        """Mean similarity of each row to the strangers most like it."""
        similarities = np.concatenate([self._similarities(np.atleast_2d(centred), crowd) for crowd in self._crowds], 1)
        nearest = np.partition(similarities, -self._nearest, axis=1)[:, -self._nearest :]
        mean: Floats = nearest.mean(1)
        return mean

    def _drawn(self, group: Statistics, count: int, generator: np.random.Generator) -> _Crowd:
        draws = generator.standard_normal((count, len(group.factors)), np.float32)
        places = np.concatenate([np.ones((count, 1), np.float32), draws], axis=1)
        basis = np.concatenate([(group.mean - self._centre)[None], group.factors])
        squares = [
            ((places @ (part @ part.T)) * places).sum(1) + rest @ rest
            for part, rest in zip(self._parts(basis), self._parts(group.rest), strict=True)
        ]
        return _Crowd(places, basis, np.sqrt(np.stack(squares, axis=1)))

    def _similarities(self, centred: Floats, crowd: _Crowd) -> Floats:
        parts = zip(self._parts(centred), self._parts(crowd.basis), crowd.lengths.T, self._shares, strict=True)
        return cast(
            Floats, sum((face @ basis.T @ crowd.places.T) * (share / length) for face, basis, length, share in parts)
        )

    def _parts(self, vectors: Floats) -> list[Floats]:
        """What each recogniser gave."""
        return np.split(vectors, self._ends, axis=-1)


def read_statistics(content: bytes, rule: CohortRule) -> dict[str, Statistics]:
    """The groups of `rule` out of the file of aggregate statistics. Raises ModelError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            groups = {name: Statistics(*(_numbers(arrays[f"{name}_{part}"]) for part in PARTS)) for name in rule.draws}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(rule.file.name, "does not hold the groups that the manifest names") from error
    size = sum(rule.sizes)
    if any(part.shape[-1:] != (size,) for group in groups.values() for part in (group.mean, group.factors, group.rest)):
        raise ModelError(rule.file.name, f"is not about embeddings of length {size}: run `python -m models calibrate`")
    return groups


PARTS = ("mean", "factors", "rest")
"""Of a group, in the file of aggregate statistics."""


def _numbers(stored: NDArray[np.float16]) -> Floats:
    return stored.astype(np.float32)
