"""Strangers that a score is measured against.

The same distance means less between two faces of a group that the recognisers know poorly. So a score is
the similarity of two faces less the mean similarity of each to the strangers most like it (compare the fair
score normalisation of Terhoerst et al., 2020). The strangers are drawn, always alike, from means and
covariances of groups of real faces; none of them is a person.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

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

    def deviations(self, generator: np.random.Generator, count: int) -> Floats:
        """`count` draws with this covariance around zero."""
        along = generator.standard_normal((count, len(self.factors)), np.float32) @ self.factors
        drawn: Floats = along + generator.standard_normal((count, self.rest.size), np.float32) * self.rest
        return drawn


class Cohort:
    """The strangers, and the centre of all faces."""

    def __init__(self, rule: CohortRule, groups: Mapping[str, Statistics]) -> None:
        """Draws the strangers. The first group of `rule` gives the centre, and what others are pulled towards."""
        generator = np.random.Generator(np.random.PCG64(rule.seed))
        general = groups[next(iter(rule.draws))]
        self._rule = rule
        self._centre = general.mean
        self._nearest = rule.nearest
        drawn = []
        for name, count in rule.draws.items():
            group, pull = groups[name], rule.shrinkage[name]
            own = group.deviations(generator, count) * np.float32(sqrt(1 - pull))
            if pull:
                own += general.deviations(generator, count) * np.float32(sqrt(pull))
            faces = [unit(part) for part in self._parts(group.mean + own)]
            drawn.append(self.centred(np.concatenate(faces, axis=1)))
        self._strangers = np.concatenate(drawn)

    def centred(self, vectors: Floats) -> Floats:
        """Directions as seen from the centre of all faces, each recogniser's part weighted by its share in a
        similarity; rows of length 1."""
        parts = self._parts(vectors - self._centre)
        weighted = [unit(part) * np.float32(sqrt(share)) for part, share in zip(parts, self._rule.shares, strict=True)]
        return np.concatenate(weighted, axis=-1)

    def nearness(self, centred: Floats) -> Floats:
        """Mean similarity of each row to the strangers most like it."""
        similarities = np.atleast_2d(centred) @ self._strangers.T
        nearest = np.partition(similarities, -self._nearest, axis=1)[:, -self._nearest :]
        mean: Floats = nearest.mean(1)
        return mean

    def _parts(self, vectors: Floats) -> Iterator[Floats]:
        """What each recogniser gave."""
        end = 0
        for size in self._rule.sizes:
            start, end = end, end + size
            yield vectors[..., start:end]


def read_statistics(content: bytes, rule: CohortRule) -> dict[str, Statistics]:
    """The groups of `rule` out of the file of aggregate statistics. Raises ModelError."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            groups = {name: Statistics(*(_numbers(arrays[f"{name}_{part}"]) for part in PARTS)) for name in rule.draws}
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(rule.file.name, "does not hold the groups that the manifest names") from error
    size = sum(rule.sizes)
    if any(part.shape[-1:] != (size,) for group in groups.values() for part in (group.mean, group.factors, group.rest)):
        raise ModelError(rule.file.name, f"is not about embeddings of length {size}")
    return groups


PARTS = ("mean", "factors", "rest")
"""Of a group, in the file of aggregate statistics."""


def _numbers(stored: NDArray[np.float16]) -> Floats:
    return stored.astype(np.float32)
