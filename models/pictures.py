"""The evaluation pictures: which there are, whose they are, which are compared.

They are real people's: no picture and nothing about one person leaves their folder.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EAST_ASIAN = ("lfw_ea", "nuaa")
"""Groups whose strangers set the thresholds."""
_COHORT = {"general": ("cohort/",), "east_asian": ("lfw_ea/", "nuaa_live/"), "studio": ("london/", "chip/london_")}
"""Groups of the cohort and where their pictures lie."""


@dataclass(frozen=True)
class Group:
    """References (like a card's photo) and live pictures of one group of people, as paths within the folder."""

    name: str
    references: tuple[str, ...]
    lives: tuple[str, ...]

    @cached_property
    def genuine(self) -> NDArray[np.bool_]:
        """R x L: both of one person, from two photographs."""
        return self._one_person & self._two_photographs

    @cached_property
    def impostor(self) -> NDArray[np.bool_]:
        """R x L: of two persons."""
        return ~self._one_person & self._two_photographs

    @property
    def _one_person(self) -> NDArray[np.bool_]:
        return _equal([person(path) for path in self.references], [person(path) for path in self.lives])

    @property
    def _two_photographs(self) -> NDArray[np.bool_]:
        return ~_equal([Path(path).stem for path in self.references], [Path(path).stem for path in self.lives])


def read_groups(folder: Path) -> list[Group]:
    """The groups that the folder's list of pairs names."""
    with (folder / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Group(
            name,
            tuple(sorted({row["path_a"] for row in rows if row["group"] == name})),
            tuple(sorted({row["path_b"] for row in rows if row["group"] == name})),
        )
        for name in sorted({row["group"] for row in rows})
    ]


def cohort_paths(folder: Path) -> dict[str, list[str]]:
    """Pictures of each group of the cohort, as paths within the folder."""
    every = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.jp*"))
    return {name: [path for path in every if path.startswith(starts)] for name, starts in _COHORT.items()}


def person(path: str) -> str:
    """Who is on a picture, by the folder's rules for names."""
    stem = Path(path).stem
    if stem.startswith("london_"):
        return "london" + stem.removeprefix("london_")
    if stem.endswith("_smile"):
        return "london" + stem.removesuffix("_smile")
    if stem.startswith("nuaa_"):
        return "nuaa" + stem.split("_")[1]
    if path.startswith("nuaa_"):
        return "nuaa" + stem.split("_")[0]
    return stem.rsplit("_", 1)[0]


def _equal(left: Sequence[str], right: Sequence[str]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = np.array(left)[:, None] == np.array(right)[None]
    return same
