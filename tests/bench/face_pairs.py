"""The pairs that the face benchmark compares, of the pictures in the folder that READER_FACE_DATA names.

They are real people's: what is made of them lies in a temporary folder, and nothing of it stays.
"""

import contextlib
import csv
import io
import os
import runpy
from collections.abc import Iterable
from pathlib import Path

from models.evaluate_pairs import Pairs, read_pairs

Row = tuple[Path, Path, str, str, str]
"""Reference, camera picture, name of the group, who is on the one and on the other."""


class NoPictures(Exception):
    """There is nothing to measure on; the text says what to do."""


def data_folder() -> Path:
    """Raises NoPictures."""
    folder = Path(os.environ.get("READER_FACE_DATA") or "/nowhere")
    if not (folder / "cross.py").is_file():
        raise NoPictures(
            "bench-face: set READER_FACE_DATA to a folder of evaluation pictures with its cross.py (models/CARD.md);"
            " without one there are: make bench-face PART=preview, PART=visit"
        )
    return folder.resolve()


def full_cross(data: Path, scratch: Path) -> Pairs:
    """Every reference with every camera picture of its group, as the folder's cross.py prints them.

    Its `person` tells who is on a picture: most people of a group have no second photo that would show it.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        person = runpy.run_path(str(data / "cross.py"))["person"]
    listed = csv.DictReader(printed.getvalue().splitlines())
    names = ((row["path_a"], row["path_b"], row["group"]) for row in listed)
    rows = ((data / left, data / right, group, person(left), person(right)) for left, right, group in names)
    return listed_pairs(rows, scratch / "cross.csv")


def listed_pairs(rows: Iterable[Row], file: Path) -> Pairs:
    """These pairs, by way of a list in `file`."""
    with file.open("w", newline="") as text:
        out = csv.writer(text)
        out.writerow(("path_a", "path_b", "same", "group", "person_a", "person_b"))
        for left, right, group, *persons in rows:
            out.writerow((left, right, int(persons[0] == persons[1]), group, *persons))
    return read_pairs(file)
