import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in ("token", "stateful"):  # the same made-up cards, the same reader and bridge without a cable
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

from attack_hall import Device, Hall, Maker  # noqa: E402
from attack_rig import Scene  # noqa: E402

from host_bridge.identity import create_bridge  # noqa: E402


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.journal.close()


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    maker = Maker(tmp_path / "maker", "MAKER")
    device = Device(maker.make(tmp_path / "reader", "READER-0001"))
    yield Hall(tmp_path, create_bridge(tmp_path / "bridge"), maker, device)
    device.journal.close()
