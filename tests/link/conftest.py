from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from link_bench import SERIAL, Bench, Heard, MemoryDesk, pair

from board.demo.cable import Cable
from board.sim.keystore import make_device
from host_bridge.pairing import create_bridge


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    identity = create_bridge(tmp_path / "bridge")
    make_device(tmp_path / "device", SERIAL)
    keys = pair(identity, tmp_path / "device")
    async with Cable(tmp_path / "cable") as cable:
        yield Bench(cable, identity, keys, MemoryDesk(identity.bridge_id, Heard()))
