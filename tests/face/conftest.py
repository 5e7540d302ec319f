"""The built models and the public-domain portraits; `make test` makes both."""

from pathlib import Path

import pytest

from board.demo.portraits import Faces, load_faces
from firmware.face.engine import FaceEngine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models_dir() -> Path:
    return ROOT / "build/models"


@pytest.fixture(scope="session")
def manifest_path() -> Path:
    return ROOT / "models/manifest.toml"


@pytest.fixture(scope="session")
def engine(models_dir: Path, manifest_path: Path) -> FaceEngine:
    return FaceEngine.load(models_dir, manifest_path)


@pytest.fixture(scope="session")
def faces() -> Faces:
    return load_faces()
