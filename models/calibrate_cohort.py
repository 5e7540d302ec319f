"""Whose faces make up the groups of the cohort: those of a folder, and those of a list of pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware.tflite import Floats
from models.crossfit import CalibrationError, Members
from models.evaluate_pairs import Indices, Pairs
from models.evaluate_scores import PictureError, embed_pictures

_FEWEST = 20
"""People in a group: for every pair a fifth of them is left out, and the covariance of few is worth little."""


@dataclass(frozen=True, eq=False)
class Folder:
    """Pictures of people in general, beside a list of pairs."""

    pictures: Indices
    """Numbers of all its files: those that the list names too have theirs, the others follow on."""
    others: tuple[Path, ...]
    persons: Indices
    """Who is on each of the others; people who are not in the list follow on."""


def read_folder(path: Path, pairs: Pairs) -> Folder:
    """All files in a folder and below it. Raises CalibrationError where there are none.

    Within one folder, a name up to its last "_" is the person's; a file that `pairs` lists shows whom `pairs` says.
    """
    files = pictures_in(path)
    listed = {pairs.path(picture).resolve(): picture for picture in range(len(pairs.pictures))}
    known = {file: listed[file.resolve()] for file in files if file.resolve() in listed}
    others = tuple(file for file in files if file not in known)
    numbers = {_person(file): int(pairs.person[picture]) for file, picture in known.items()}
    beyond = int(pairs.person.max()) + 1
    persons = [numbers.setdefault(_person(file), beyond + len(numbers)) for file in others]
    place = {file: len(pairs.pictures) + number for number, file in enumerate(others)}
    return Folder(np.array([(known | place)[file] for file in files]), others, np.array(persons, np.intp))


def pictures_in(path: Path) -> list[Path]:
    """All files in a folder and below it. Raises CalibrationError where there are none."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    if not files:
        raise CalibrationError(f"no pictures in {path}: name a folder of pictures of people in general")
    return files


def namesakes(folder: Folder, pairs: Pairs) -> list[str]:
    """Names by which files of both begin, though nothing says that the people are the same."""
    unknown = folder.persons > pairs.person.max()
    names = {_person(file).name for file, apart in zip(folder.others, unknown, strict=True) if apart}
    return sorted(names & {_person(Path(picture)).name for picture in pairs.pictures})


def embed_others(
    folder: Folder, pairs: Pairs, manifest: Path, models_dir: Path, report: Callable[[str], None]
) -> dict[int, Floats]:
    """Vectors of the pictures that only the folder has, by number. Raises CalibrationError."""
    try:
        vectors = embed_pictures(folder.others, manifest, models_dir, report)
    except PictureError as error:
        reason = f"{folder.others[error.picture]} {error.reason}: replace or remove it"
        raise CalibrationError(reason) from error
    return {len(pairs.pictures) + number: vector for number, vector in vectors.items()}


def members_of(
    groups: Mapping[str, Sequence[str]], pairs: Pairs, folder: Folder, vectors: Mapping[int, Floats]
) -> dict[str, Members]:
    """The faces in each group of the cohort, of which the first has those of `folder`.

    `groups`: by group of the cohort, groups of `pairs` whose pictures join it. `vectors`: of all pictures, those of
    `pairs` and those that follow on. Raises CalibrationError where they are too few.
    """
    persons = np.concatenate([pairs.person, folder.persons])
    members: dict[str, Members] = {}
    for group, names in groups.items():
        inside = np.isin(pairs.group, [pairs.groups.index(name) for name in names])
        pictures = np.union1d(pairs.left[inside], pairs.right[inside])
        if not members:
            pictures = np.union1d(pictures, folder.pictures)
        seen = [int(picture) for picture in pictures if int(picture) in vectors]
        if (people := np.unique(persons[seen]).size) < _FEWEST:
            raise CalibrationError(
                f"group {group} of the cohort has faces of {people} people and needs {_FEWEST}, better hundreds: add "
                "pictures, or change `groups` in [cohort] of the manifest"
            )
        members[group] = Members(np.stack([vectors[picture] for picture in seen]), persons[seen])
    return members


def _person(file: Path) -> Path:
    """Folder and name as far as they are the person's."""
    return file.with_name(file.stem.rsplit("_", 1)[0])
