"""What the face decision is worth and what it costs, face_recognition beside it: `make bench-face`.

    PYTHONPATH=.:tests/bench python tests/bench/face_figures.py PEER_PYTHON [PART]

PARTS says which parts there are; without one, all. Pictures of READER_FACE_DATA, the demo's portraits for the last two.
"""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from face_degraded import degraded_pairs
from face_pairs import NoPictures, data_folder, full_cross
from face_rates import OURS, PEER, Cohort, Compared, our_scores, peer_scores, read_cohort
from face_tables import accuracy_lines, degraded_lines, fused_lines
from face_time import MODELS, preview_line, time_lines
from face_variants import variant_lines
from face_visit import visit_lines

from firmware.face.engine import FaceEngine
from firmware.face.manifest import load_manifest
from firmware.tflite import Floats
from models.build import MANIFEST
from models.evaluate_pairs import Pairs
from models.evaluate_scores import embed_pairs


@dataclass(frozen=True)
class Bench:
    """What all parts share. Nothing in `scratch` outlives the run."""

    peer_python: Path
    scratch: Path

    @cached_property
    def data(self) -> Path:
        return data_folder()

    @cached_property
    def pairs(self) -> Pairs:
        return full_cross(self.data, self.scratch)

    @cached_property
    def cohort(self) -> Cohort:
        return read_cohort(self.pairs, self.data, MANIFEST, MODELS, report)

    def compare(self, pairs: Pairs, vectors: Mapping[int, Floats]) -> Compared:
        """Both on the same pairs."""
        ours = our_scores(pairs, vectors, self.cohort, MANIFEST, report)
        return Compared(pairs, {OURS: ours, PEER: peer_scores(pairs, self.peer_python, report)})


def accuracy(bench: Bench) -> Iterator[str]:
    compared = bench.compare(bench.pairs, bench.cohort.vectors)
    yield from accuracy_lines(compared, load_manifest(MANIFEST).thresholds)
    yield from fused_lines(compared, "nuaa")


def degraded(bench: Bench) -> Iterator[str]:
    pairs = degraded_pairs(bench.pairs, FaceEngine.load(MODELS, MANIFEST), bench.scratch, report)
    compared = bench.compare(pairs, embed_pairs(pairs, MANIFEST, MODELS, report))
    yield from degraded_lines(compared, load_manifest(MANIFEST).thresholds)


def time(bench: Bench) -> Iterator[str]:
    return time_lines(bench.pairs, bench.peer_python, report)


def preview(bench: Bench) -> Iterator[str]:
    yield preview_line()


def visit(bench: Bench) -> Iterator[str]:
    return visit_lines(report)


def variants(bench: Bench) -> Iterator[str]:
    return variant_lines(bench.pairs, bench.data, bench.peer_python, bench.scratch, report)


PARTS: dict[str, Callable[[Bench], Iterator[str]]] = {
    part.__name__: part for part in (accuracy, degraded, time, variants, preview, visit)
}


def report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    peer_python, *chosen = sys.argv[1:]
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"bench-face: no part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-face: terminated"))  # else people's pictures would stay
    with tempfile.TemporaryDirectory(prefix="bench-face-") as scratch:
        bench = Bench(Path(peer_python), Path(scratch))
        try:
            for name in chosen or PARTS:
                for line in PARTS[name](bench):
                    print(line, flush=True)
        except NoPictures as missing:
            sys.exit(str(missing))


if __name__ == "__main__":
    main()
