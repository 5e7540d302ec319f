"""The decision: one person or two."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware.face.cohort import Cohort
from firmware.face.embed import Embedding
from firmware.tflite import Floats


@dataclass(frozen=True)
class FaceDecision:
    """Whether the faces match: whether `score` reaches `threshold`."""

    match: bool
    score: float
    threshold: float


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
    score = float(scores(cohort, reference.vector[None], frames).mean())
    return FaceDecision(score >= threshold, score, threshold)
