"""Pairs of which one picture was made worse, in a temporary folder."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from face_effects import FROM_CAMERA, FROM_CARD
from face_pairs import listed_pairs
from PIL import Image

from firmware.face.engine import FaceEngine
from firmware.face.geometry import Points
from models.evaluate_pairs import Pairs

AS_IT_IS = "as it is"
MOST_LIVES = {"lfw_ea": 222, "nuaa": 84, "london": 51}
"""Groups that are degraded, and of how many camera pictures at most: of all it would take half an hour."""
_REPORT_EVERY = 250
Pair = tuple[Path, Path]
Job = Callable[[], None]


class Degraded:
    """Collects pairs: groups named "GROUP: HOW"."""

    def __init__(self, engine: FaceEngine, scratch: Path) -> None:
        self.rows: list[tuple[Path, Path, str]] = []
        self.origin: dict[Path, Path] = {}
        """Of each picture made, what it was made of."""
        self.jobs: list[Job] = []
        """Each writes one picture."""
        self._engine = engine
        self._scratch = scratch

    def add(self, group: str, pairs: Iterable[Pair]) -> None:
        """Pairs of one group, as they are and degraded in every way. A camera picture in which our mesh finds no face,
        so that nothing can be drawn on it, is left out."""
        meshes = {live: mesh for live in sorted({live for _, live in pairs}) if (mesh := self._mesh(live)) is not None}
        kept = [(card, live) for card, live in pairs if live in meshes]
        self.rows += [(card, live, f"{group}: {AS_IT_IS}") for card, live in kept]
        for how, change in FROM_CARD.items():
            made = self._names({card for card, _ in kept}, ".jp2")
            self.jobs += [partial(_degrade_card, card, file, change) for card, file in made.items()]
            self.rows += [(made[card], live, f"{group}: {how}") for card, live in kept]
        for how, alter in FROM_CAMERA.items():
            made = self._names({live for _, live in kept}, ".png")
            self.jobs += [partial(_degrade_live, live, file, alter, meshes[live]) for live, file in made.items()]
            self.rows += [(card, made[live], f"{group}: {how}") for card, live in kept]

    def _names(self, pictures: Iterable[Path], suffix: str) -> Mapping[Path, Path]:
        """A file for what becomes of each picture; its number says nothing about the person."""
        made = {}
        for picture in sorted(pictures):
            made[picture] = self._scratch / f"{len(self.origin)}{suffix}"
            self.origin[made[picture]] = picture
        return made

    def _mesh(self, picture: Path) -> Points | None:
        return self._engine.look(np.asarray(_opened(picture))).mesh


def degraded_pairs(plain: Pairs, engine: FaceEngine, scratch: Path, report: Callable[[str], None]) -> Pairs:
    """The pairs of some groups, as they are and degraded in every way. Persons have the numbers that they have in
    `plain`."""
    degraded = Degraded(engine, scratch)
    for group in sorted(set(MOST_LIVES) & set(plain.groups)):
        degraded.add(group, _some(plain, group, MOST_LIVES[group]))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for number, _ in enumerate(pool.map(lambda job: job(), degraded.jobs), 1):
            if number % _REPORT_EVERY == 0:
                report(f"made {number} of {len(degraded.jobs)} degraded pictures")
    persons = {plain.path(picture): int(plain.person[picture]) for picture in range(len(plain.pictures))}
    persons |= {made: persons[origin] for made, origin in degraded.origin.items()}
    rows = ((card, live, group, str(persons[card]), str(persons[live])) for card, live, group in degraded.rows)
    pairs = listed_pairs(rows, scratch / "degraded.csv")
    return replace(pairs, person=np.array([persons[Path(name)] for name in pairs.pictures]))


def _some(pairs: Pairs, group: str, most: int) -> list[Pair]:
    """The pairs of a group with every n-th of its camera pictures."""
    inside = np.flatnonzero(pairs.group == pairs.groups.index(group))
    lives = np.unique(pairs.right[inside])
    chosen = inside[np.isin(pairs.right[inside], lives[:: -(-lives.size // most)])]
    return [(pairs.path(int(pairs.left[pair])), pairs.path(int(pairs.right[pair]))) for pair in chosen]


def _degrade_card(card: Path, file: Path, change: Callable[[Image.Image], bytes]) -> None:
    with Image.open(card) as picture:
        file.write_bytes(change(picture.copy()))


def _degrade_live(
    live: Path, file: Path, alter: Callable[[Image.Image, Points, np.random.Generator], Image.Image], mesh: Points
) -> None:
    generator = np.random.default_rng(int(file.stem))
    alter(_opened(live), mesh, generator).save(file, compress_level=1)


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
