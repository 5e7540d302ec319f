"""Error rates of ours and of face_recognition, on the same pairs."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from firmware.face.manifest import load_manifest
from firmware.tflite import Floats
from models.calibrate import read_plan
from models.calibrate_cohort import embed_others, members_of, read_folder
from models.crossfit import Members, crossfit_scores
from models.evaluate_pairs import Pairs
from models.evaluate_scores import embed_pairs
from models.figures import Scores

TOLERANCE = 0.6
"""face_recognition's default: the largest distance of two faces of one person."""
OURS, PEER = "ours", "face_recognition"
Report = Callable[[str], None]
_REPORT_EVERY = 5.0
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Compared:
    """Scores of the same pairs; minus infinity without a face."""

    pairs: Pairs
    scores: Mapping[str, NDArray[np.float64]]
    """By OURS and PEER."""

    def of(self, who: str, group: str) -> tuple[Scores, Scores]:
        """Genuine and impostor scores of a group."""
        inside = self.pairs.group == self.pairs.groups.index(group)
        found = self.scores[who]
        return found[inside & self.pairs.same], found[inside & ~self.pairs.same]


@dataclass(frozen=True)
class Cohort:
    """What ours are scored against, and the vectors it was made of: those of the pairs that are not degraded."""

    vectors: Mapping[int, Floats]
    members: Mapping[str, Members]


def read_cohort(pairs: Pairs, data: Path, manifest: Path, models_dir: Path, report: Report) -> Cohort:
    """Of the same pictures as `python -m models calibrate` makes it."""
    folder = read_folder(data / "cohort", pairs)
    vectors = embed_pairs(pairs, manifest, models_dir, report)
    vectors |= embed_others(folder, pairs, manifest, models_dir, report)
    return Cohort(vectors, members_of(read_plan(manifest, pairs).members, pairs, folder, vectors))


def our_scores(
    pairs: Pairs, vectors: Mapping[int, Floats], cohort: Cohort, manifest: Path, report: Report
) -> NDArray[np.float64]:
    """Each against a cohort that knows neither person."""
    return crossfit_scores(pairs, vectors, cohort.members, load_manifest(manifest).cohort, report)


def peer_scores(pairs: Pairs, peer_python: Path, report: Report) -> NDArray[np.float64]:
    """Distances, negative."""
    used = np.unique([pairs.left, pairs.right])
    vectors = np.full((len(pairs.pictures), 128), np.inf)
    for picture, vector in zip(
        used, _peer_vectors([pairs.path(int(i)) for i in used], peer_python, report), strict=True
    ):
        if vector is not None:
            vectors[picture] = vector
    scores = np.empty(pairs.left.size)
    for start in range(0, scores.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        with np.errstate(invalid="ignore"):  # neither picture shows a face
            distances = np.linalg.norm(vectors[pairs.left[part]] - vectors[pairs.right[part]], axis=1)
        scores[part] = -np.nan_to_num(distances, nan=np.inf)
    return scores


def _peer_vectors(pictures: list[Path], peer_python: Path, report: Report) -> Iterator[list[float] | None]:
    """Over a pipe: nothing about anybody is written to a file."""
    line = (peer_python, "-W", "ignore", Path(__file__).with_name("face_peer.py"), "embed")
    begun = told = monotonic()
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdin and peer.stdout
        peer.stdin.writelines(json.dumps(str(picture)) + "\n" for picture in pictures)
        peer.stdin.close()
        for number, answer in enumerate(peer.stdout, 1):
            yield json.loads(answer)
            if (now := monotonic()) - told > _REPORT_EVERY or number == len(pictures):
                told, left = now, (now - begun) / number * (len(pictures) - number)
                report(f"face_recognition embedded {number} of {len(pictures)} pictures, {left:.0f} s to go")
    if peer.returncode:
        sys.exit(f"bench-face: {' '.join(map(str, line))} failed: its reasons are above")
