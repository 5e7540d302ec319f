import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "token"))  # the same made-up cards and readers

from bridge_rig import Bridge
from visit_samples import World, make_world


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()


@pytest.fixture
def bridge(tmp_path: Path, world: World) -> Iterator[Bridge]:
    bridge = Bridge(tmp_path, world)
    yield bridge
    bridge.journal.close()
