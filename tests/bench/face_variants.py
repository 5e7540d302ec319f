"""The recognisers with other numbers: what accuracy they lose, what time and room they win."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from face_rates import OURS, Compared, our_scores, read_cohort
from face_tables import own
from face_time import MODELS, ours, race

from firmware.face.manifest import load_manifest
from models.build import MANIFEST
from models.evaluate_pairs import Pairs
from models.evaluate_rates import NOMINAL
from models.variants import make_variants


def variant_lines(
    pairs: Pairs, data: Path, peer_python: Path, scratch: Path, report: Callable[[str], None]
) -> Iterator[str]:
    """Of each variant: size of its recognisers, time under both runtimes, error rates by group. Thresholds are the
    groups' own, and the cohort is made of the variant's own vectors: a shipped one would be calibrated so too."""
    folders = make_variants(MANIFEST, MODELS, scratch / "variants", report)
    with ExitStack() as closing:
        contenders = [
            ours(closing, python, folder, folder / "manifest.toml", 1, f"{name}, ")
            for name, folder in folders.items()
            for python in (Path(sys.executable), peer_python)
        ]
        _, takes = race(contenders, pairs, report)
    yield f"variants: one verification on one thread, median of {len(takes)} pairs, taken in turns"
    for contender in contenders:
        yield f"  {contender.name:<46} {median(take[contender.name]['seconds'] for take in takes) * 1000:7.1f} ms"
    for name, folder in folders.items():
        manifest = folder / "manifest.toml"
        size = sum((folder / recogniser.file.name).stat().st_size for recogniser in load_manifest(manifest).recognisers)
        yield f"{name}: recognisers take {size / 1e6:.1f} MB; FNMR % at FMR {', '.join(NOMINAL)}"
        cohort = read_cohort(pairs, data, manifest, folder, report)
        found = Compared(pairs, {OURS: our_scores(pairs, cohort.vectors, cohort, manifest, report)})
        for group in pairs.groups:
            scores = found.of(OURS, group)
            cells = (f"{own(*scores, rate).bounded(100):<20}" for rate in NOMINAL.values())
            yield f"  {group:<10} {'   '.join(cells)}".rstrip()
