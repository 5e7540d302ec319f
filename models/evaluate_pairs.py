"""The list of pairs to evaluate on: which pictures are compared, and whose they are."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
_COLUMNS = ("path_a", "path_b", "same", "group")
_PERSONS = ("person_a", "person_b")


class PairsError(Exception):
    """The list, or a picture that it names, cannot be used; the text says where and what to do."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}")


@dataclass(frozen=True, eq=False)
class Pairs:
    """P comparisons of pictures; each picture is held once, however often it is compared."""

    file: Path
    pictures: tuple[str, ...]
    """Paths as the list gives them, relative to its folder."""
    left: Indices
    """P indices into `pictures`: column path_a."""
    right: Indices
    """Column path_b."""
    same: NDArray[np.bool_]
    """P: genuine comparisons."""
    groups: tuple[str, ...]
    group: Indices
    """P indices into `groups`."""
    person: Indices
    """Who is on each picture, as a number."""
    line: Indices
    """P: where in the file each comparison stands."""

    def path(self, picture: int) -> Path:
        """Where a picture lies."""
        return self.file.parent / self.pictures[picture]

    def line_of(self, picture: int) -> int:
        """The first line that names a picture."""
        return int(self.line[np.argmax((self.left == picture) | (self.right == picture))])

    @property
    def contradictory(self) -> NDArray[np.bool_]:
        """P: impostor comparisons of two pictures that other lines join to one person."""
        joined: NDArray[np.bool_] = self.person[self.left] == self.person[self.right]
        return joined & ~self.same


def read_pairs(file: Path) -> Pairs:
    """Reads a CSV with the columns path_a, path_b, same (1: one person, 0: two), group; paths relative to its folder.

    Whose a picture is say the columns person_a and person_b; where they are missing, pictures joined by `same` = 1,
    directly or over others, are of one person. Raises PairsError, OSError.
    """
    pictures: dict[str, int] = {}
    groups: dict[str, int] = {}
    names: dict[int, str] = {}
    table: list[tuple[int, ...]] = []
    for line, row in _rows(file):
        pair = tuple(pictures.setdefault(row[column], len(pictures)) for column in _COLUMNS[:2])
        same = _same(file, line, row)
        for picture, column in zip(pair, _PERSONS, strict=True):
            if column in row and names.setdefault(picture, row[column]) != row[column]:
                known = f"{names[picture]!r} and {row[column]!r}"
                raise PairsError(file, line, f"{list(pictures)[picture]} is of two persons, {known}: correct {column}")
        table.append((*pair, same, groups.setdefault(row["group"], len(groups)), line))
    if not table:
        raise PairsError(file, 1, f"no pair follows: add lines of {','.join(_COLUMNS)}")
    left, right, same_column, group, line_column = np.array(table, np.intp).T
    joined = same_column == 1
    person = _numbered(names, len(pictures)) if names else _components(left[joined], right[joined], len(pictures))
    pairs = Pairs(file, tuple(pictures), left, right, joined, tuple(groups), group, person, line_column)
    _check(pairs)
    return pairs


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and stripped values by column, all of them there."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.DictReader(text)
        try:
            found = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = found
            wanted = [*_COLUMNS, *(_PERSONS if set(_PERSONS) & set(found) else ())]
            if missing := [name for name in wanted if name not in found]:
                raise PairsError(
                    file, 1, f"no column {', '.join(missing)}: the first line must name {', '.join(wanted)}"
                )
            for row in reader:
                values = {name: (row[name] or "").strip() for name in wanted}
                if empty := [name for name, value in values.items() if not value]:
                    raise PairsError(file, reader.line_num, f"{', '.join(empty)} is empty: fill it in")
                yield reader.line_num, values
        except UnicodeDecodeError as error:
            raise PairsError(file, reader.line_num + 1, "not UTF-8: save the list as CSV UTF-8") from error
        except csv.Error as error:
            raise PairsError(file, reader.line_num, f"not CSV ({error}): save the list as CSV UTF-8") from error


def _same(file: Path, line: int, row: dict[str, str]) -> int:
    if row["same"] not in ("0", "1"):
        raise PairsError(file, line, f"same is {row['same']!r}: write 1 for one person, 0 for two")
    same = int(row["same"])
    if _PERSONS[0] in row and same != (row["person_a"] == row["person_b"]):
        raise PairsError(file, line, f"same is {same}, and person_a and person_b say otherwise: correct one of them")
    return same


def _check(pairs: Pairs) -> None:
    for number, name in enumerate(pairs.groups):
        inside = pairs.group == number
        for kind, chosen in (("genuine (same = 1)", pairs.same), ("impostor (same = 0)", ~pairs.same)):
            if not (inside & chosen).any():
                line = int(pairs.line[np.argmax(inside)])
                raise PairsError(pairs.file, line, f"group {name} has no {kind} pair: add some, or leave the group out")
    missing = [picture for picture in range(len(pairs.pictures)) if not pairs.path(picture).is_file()]
    if missing:
        more = f", and {len(missing) - 1} others are missing too" if len(missing) > 1 else ""
        where = f"no file {pairs.path(missing[0])}{more}: paths are relative to the folder of the list"
        raise PairsError(pairs.file, pairs.line_of(missing[0]), where)


def _numbered(names: dict[int, str], count: int) -> Indices:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(names[picture], len(numbers)) for picture in range(count)], np.intp)


def _components(left: Iterable[int], right: Iterable[int], count: int) -> Indices:
    """Connected components of `count` pictures, numbered from 0."""
    parent = list(range(count))

    def root(picture: int) -> int:
        while parent[picture] != picture:
            parent[picture] = picture = parent[parent[picture]]
        return picture

    for a, b in zip(left, right, strict=True):
        parent[root(a)] = root(b)
    numbers: Indices = np.unique([root(picture) for picture in range(count)], return_inverse=True)[1]
    return numbers
