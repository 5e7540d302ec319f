"""What `models/manifest.toml` says of the models: which files, how a face is fed to them, what a score means."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware.face.geometry import Points

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
                raise ModelError(self.name, "larger than any model")
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(self.name, f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelError(self.name, "is not the file that the manifest names (SHA-256 differs)")
        return content


@dataclass(frozen=True)
class Recogniser:
    """How a face is fed to the recogniser."""

    file: PinnedFile
    side: int
    """Pixels; the input is square."""
    mesh_points: tuple[int, ...]
    """Points of the mesh that are laid on `template`."""
    template: Points
    """Where they go, pixels of the input."""
    bgr: bool
    subtract: float
    divide: float
    size: int
    """Length of an embedding."""


@dataclass(frozen=True)
class CohortRule:
    """How many faces are drawn from each group of aggregate statistics, and how many of the nearest count."""

    file: PinnedFile
    draws: dict[str, int]
    shrinkage: dict[str, float]
    """How far a group's covariance is pulled towards that of the first group, 0 to 1."""
    seed: int
    nearest: int


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
    recogniser: Recogniser
    cohort: CohortRule
    thresholds: Thresholds


def load_manifest(path: Path) -> Manifest:
    """Reads the manifest. Raises ModelError."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        models, cohort, decision = table["models"], table["cohort"], table["decision"]
        recogniser = models["recogniser"]
        side = int(recogniser["input"][0])
        return Manifest(
            folder=path.parent,
            detector=_file(models["detector"]),
            mesh=_file(models["mesh"]),
            recogniser=Recogniser(
                file=_file(recogniser),
                side=side,
                mesh_points=tuple(recogniser["mesh_points"]),
                template=np.array(recogniser["template"], np.float64) * side,
                bgr=recogniser["colour"] == "BGR",
                subtract=float(recogniser["subtract"]),
                divide=float(recogniser["divide"]),
                size=int(recogniser["output"]),
            ),
            cohort=CohortRule(
                file=_file(cohort),
                draws={group["name"]: int(group["draws"]) for group in cohort["groups"]},
                shrinkage={group["name"]: float(group["shrinkage"]) for group in cohort["groups"]},
                seed=int(cohort["seed"]),
                nearest=int(cohort["nearest"]),
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


def _file(table: dict[str, str]) -> PinnedFile:
    return PinnedFile(table["file"], table["sha256"])
