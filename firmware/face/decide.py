"""The decision: one person or two."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from firmware.face.cohort import Cohort
from firmware.face.embed import Embedding
from firmware.tflite import Floats


class Reason(Enum):
    """Why the faces match, or do not."""

    MATCH = "match"
    UNSURE = "unsure"
    """Some pictures reach the threshold, their mean does not: another look may succeed."""
    MISMATCH = "mismatch"
    """No picture reaches it."""


@dataclass(frozen=True)
class FaceDecision:
    """Whether the faces match: whether `score`, the mean of those of the live pictures, reaches `threshold`."""

    score: float
    threshold: float
    frames: tuple[float, ...]
    """Score of each live picture."""

    @property
    def match(self) -> bool:
        """One person."""
        return self.reason is Reason.MATCH

    @property
    def reason(self) -> Reason:
        """What the scores say."""
        if self.score >= self.threshold:
            return Reason.MATCH
        return Reason.UNSURE if max(self.frames) >= self.threshold else Reason.MISMATCH


def scores(cohort: Cohort, references: Floats, lives: Floats) -> Floats:
    """R x L scores of R reference and L live embeddings, rows of length 1."""
    left, right = cohort.centred(references), cohort.centred(lives)
    normal = (cohort.nearness(left)[:, None] + cohort.nearness(right)[None]) / 2
    compared: Floats = left @ right.T - normal
    return compared


def decide(cohort: Cohort, threshold: float, reference: Embedding, lives: Sequence[Embedding]) -> FaceDecision:
    """Compares the mean of the scores with the threshold, which was set on single pictures: a mean of several
    strays less, so neither error grows. Raises ValueError without a live picture."""
    if not lives:
        raise ValueError("no live picture")
    frames = np.stack([live.vector for live in lives])
    (found,) = scores(cohort, reference.vector[None], frames)
    return FaceDecision(float(found.mean()), threshold, tuple(found.tolist()))
