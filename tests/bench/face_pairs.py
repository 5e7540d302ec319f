"""The pairs that the face benchmark compares, of the pictures in the folder that READER_FACE_DATA names.

They are real people's: what is made of them lies in temporary folders, and nothing of it stays.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.evaluate_pairs import Indices, Pairs, read_pairs
from models.pictures import cohort_paths, person

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
            " without one there are: make bench-face PART=preview, PART=visit"
        )
    return folder.resolve()


def full_cross(data: Path, scratch: Path) -> Cross:
    """Every reference with every camera picture of its group. Raises NoPictures."""
    done = subprocess.run((sys.executable, data / "cross.py"), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NoPictures(f"bench-face: {data / 'cross.py'} failed: its reasons are above")
    listed = csv.DictReader(done.stdout.splitlines())
    rows = [(data / row["path_a"], data / row["path_b"], row["group"]) for row in listed]
    return cross(rows, lambda picture: owner(picture, data), data, scratch / "cross.csv")


def cross(rows: Iterable[Row], owner_of: Callable[[Path], str], data: Path, file: Path) -> Cross:
    """These pairs, by way of `file`, and the cohort's pictures in `data`."""
    with file.open("w", newline="") as text:
        out = csv.writer(text)
        out.writerow(("path_a", "path_b", "same", "group", "person_a", "person_b"))
        for left, right, group in rows:
            persons = (owner_of(left), owner_of(right))
            out.writerow((left, right, int(persons[0] == persons[1]), group, *persons))
    return _with_cohort(read_pairs(file), owner_of, data)


def owner(picture: Path, data: Path) -> str:
    """Who is on a picture in `data`, by the folder's rules for names."""
    return person(str(picture.relative_to(data)))


def _with_cohort(pairs: Pairs, owner_of: Callable[[Path], str], data: Path) -> Cross:
    """Persons of the cohort have the number that they have in the pairs, or one of their own."""
    numbers = {owner_of(pairs.path(picture)): int(pairs.person[picture]) for picture in range(len(pairs.pictures))}
    pictures = {name: number for number, name in enumerate(pairs.pictures)}
    persons = list(pairs.person)
    cohort = {}
    for group, paths in cohort_paths(data).items():
        found = []
        for path in paths:
            name = str(data / path)
            if name not in pictures:
                pictures[name] = len(pictures)
                persons.append(numbers.setdefault(person(path), max(numbers.values()) + 1))
            found.append(pictures[name])
        cohort[group] = np.array(found)
    return Cross(replace(pairs, pictures=tuple(pictures), person=np.array(persons)), cohort)
