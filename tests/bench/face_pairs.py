"""The pairs that the face benchmark compares, of the pictures in the folder that READER_FACE_DATA names.

They are real people's: what is made of them lies in temporary folders, and nothing of it stays.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from face_degraded import FROM_CAMERA, FROM_CARD
from PIL import Image

from firmware.face.engine import FaceEngine
from models.evaluate_pairs import Indices, Pairs, read_pairs
from models.pictures import cohort_paths, person

AS_IT_IS = "as it is"
MOST_PICTURES = {"lfw_ea": 150, "nuaa": 84, "london": 51}
"""References and camera pictures of each group, at most, that are degraded: more would take hours with the others."""
Row = tuple[Path, Path, str]
"""Reference, camera picture, name of the group."""


class NoPictures(Exception):
    """There is nothing to measure on; the text says what to do."""


@dataclass(frozen=True)
class Cross:
    """Pairs, and the pictures of the cohort's groups, which stand behind those of the pairs."""

    pairs: Pairs
    cohort: dict[str, Indices]
    """By name of the group, numbers of pictures."""


def data_folder() -> Path:
    """Raises NoPictures."""
    folder = Path(os.environ.get("READER_FACE_DATA") or "/nowhere")
    if not (folder / "cross.py").is_file():
        raise NoPictures(
            "bench-face: set READER_FACE_DATA to a folder of evaluation pictures with its cross.py (models/CARD.md);"
            " without it: make bench-face PART=preview, or PART=visit"
        )
    return folder.resolve()


def full_cross(data: Path, scratch: Path) -> Cross:
    """Every reference with every camera picture of its group. Raises NoPictures."""
    done = subprocess.run((sys.executable, data / "cross.py"), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NoPictures(f"bench-face: {data / 'cross.py'} failed: its reasons are above")
    listed = csv.DictReader(done.stdout.splitlines())
    rows = [(data / row["path_a"], data / row["path_b"], row["group"]) for row in listed]
    return _cross(rows, person_of(data), data, scratch)


def person_of(data: Path) -> Callable[[Path], str]:
    """Who is on a picture in `data`, by the folder's rules for names."""
    return lambda path: person(str(path.relative_to(data)))


def degraded_cross(plain: Cross, data: Path, models: FaceEngine, scratch: Path) -> Cross:
    """The same for some pictures of some groups, over and over: as they are, and with the one or the other side made
    worse. A group's name becomes "NAME: HOW".

    A picture on which our mesh finds no face, so that nothing can be drawn on it, is left out.
    """
    named: dict[Path, str] = {}
    rows: list[Row] = []
    jobs: list[Callable[[], None]] = []
    for group, most in MOST_PICTURES.items():
        references, lives = _some(plain.pairs, group, most)
        for how, to_chip in FROM_CARD.items():
            ...
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda job: job(), jobs))
    return _cross(rows, named.__getitem__, data, scratch)
