from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from link_bench import SERIAL, Bench, Heard, MemoryDesk, pair

from board.demo.cable import Cable
from board.sim.keystore import make_device
from host_bridge.identity import create_bridge


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    identity = create_bridge(tmp_path / "bridge")
    make_device(tmp_path / "device" / "identity", SERIAL)
    keys = pair(identity, tmp_path / "device")
    async with Cable(tmp_path / "cable") as cable:
        yield Bench(cable, identity, tmp_path / "device", keys, MemoryDesk(identity, Heard(), identity.bridge_id))
