"""What `models/manifest.toml` says of the models: which files, how a face is fed to them, what a score means."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware.face.align import Alignment, Square, Template

_MAX_MODEL_BYTES = 64 << 20


class ModelError(Exception):
    """A model or its description cannot be used: `file` by name, `reason` for a technician."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


@dataclass(frozen=True)
class PinnedFile:
    """A file that is used only if it is exactly this one."""

    name: str
    sha256: str

    def read(self, folder: Path) -> bytes:
        """Its content, checked. Raises ModelError."""
        path = folder / self.name
        try:
            if path.stat().st_size > _MAX_MODEL_BYTES:
                raise ModelError(self.name, f"larger than {_MAX_MODEL_BYTES >> 20} MiB, the most that the reader loads")
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(self.name, f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(self.name, "is not the file that the manifest names (SHA-256 differs)")
        return content


@dataclass(frozen=True, eq=False)
class Recogniser:
    """One recogniser, and how a face is fed to it."""

    file: PinnedFile
    side: int
    """Pixels; the input is square."""
    alignment: Alignment
    bgr: bool
    subtract: NDArray[np.float32]
    """Of each of the three channels, in the order in which they are fed."""
    divide: float
    mirror: bool
    """Whether it looks at the mirror image too."""
    size: int
    """Numbers that it gives for a face."""
    root: bool
    """Whether these are activations, never negative, of which the square roots are compared."""


@dataclass(frozen=True)
class CohortRule:
    """How many faces are drawn from each group of aggregate statistics, and how many of the nearest count."""

    file: PinnedFile
    draws: dict[str, int]
    shrinkage: dict[str, float]
    """How far a group's covariance is pulled towards that of the first group, 0 to 1."""
    seed: int
    nearest: int
    sizes: tuple[int, ...]
    """Lengths of an embedding's parts, one from each recogniser."""
    shares: tuple[float, ...]
    """Of each part in the similarity of two faces; their sum is 1."""


@dataclass(frozen=True)
class Thresholds:
    """Scores from which on two faces are one person's, by false match rate."""

    fmr_1e3: float
    fmr_1e4: float
    used: float
    """The one the reader decides by."""


@dataclass(frozen=True)
class Manifest:
    """All of it. `folder` is where the manifest, and the cohort's statistics, lie."""

    folder: Path
    detector: PinnedFile
    mesh: PinnedFile
    recognisers: tuple[Recogniser, ...]
    cohort: CohortRule
    thresholds: Thresholds


def load_manifest(path: Path) -> Manifest:
    """Reads the manifest. Raises ModelError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        models, cohort, decision = table["models"], table["cohort"], table["decision"]
        recognisers = tuple(_recogniser(entry) for entry in table["recognisers"])
        weights = np.array([float(entry["weight"]) for entry in table["recognisers"]])
        if not (recognisers and (weights > 0).all()):
            raise ValueError("no recogniser, or one that counts for nothing")
        return Manifest(
            folder=path.parent,
            detector=_file(models["detector"]),
            mesh=_file(models["mesh"]),
            recognisers=recognisers,
            cohort=CohortRule(
                file=_file(cohort),
                draws={group["name"]: int(group["draws"]) for group in cohort["groups"]},
                shrinkage={group["name"]: float(group["shrinkage"]) for group in cohort["groups"]},
                seed=int(cohort["seed"]),
                nearest=int(cohort["nearest"]),
                sizes=tuple(recogniser.size for recogniser in recognisers),
                shares=tuple((weights / weights.sum()).tolist()),
            ),
            thresholds=Thresholds(
                fmr_1e3=float(decision["threshold_fmr_1e3"]),
                fmr_1e4=float(decision["threshold_fmr_1e4"]),
                used=float(decision[f"threshold_{decision['use']}"]),
            ),
        )
    except OSError as error:
        raise ModelError(path.name, f"cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(path.name, f"is not a model manifest ({error!r})") from error


def _recogniser(table: dict[str, Any]) -> Recogniser:
    return Recogniser(
        file=_file(table),
        side=int(table["input"][0]),
        alignment=_alignment(table),
        bgr={"RGB": False, "BGR": True}[table["colour"]],
        subtract=np.broadcast_to(np.array(table["subtract"], np.float32), 3),
        divide=float(table["divide"]),
        mirror=_flag(table["mirror"]),
        size=int(table["output"]),
        root=_flag(table["root"]),
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _alignment(table: dict[str, Any]) -> Alignment:
    if "square" in table:
        return Square(float(table["square"]["scale"]), float(table["square"]["down"]))
    places = np.array(table["template"], np.float64)
    if places.shape != (len(table["mesh_points"]), 2):
        raise ValueError("mesh_points and template differ in number")
    return Template(tuple(tuple(group) for group in table["mesh_points"]), places)


def _file(table: dict[str, Any]) -> PinnedFile:
    return PinnedFile(table["file"], table["sha256"])
