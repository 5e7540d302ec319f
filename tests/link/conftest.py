from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from enrolment_rig import DEVICE, Reader
from link_bench import SERIAL, Bench, Heard, MemoryDesk, pair

from board.demo.cable import Cable
from board.sim.keystore import make_device
from host_bridge.identity import BridgeIdentity, create_bridge


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    identity = create_bridge(tmp_path / "bridge")
    make_device(tmp_path / "device" / "identity", SERIAL)
    keys = pair(identity, tmp_path / "device")
    async with Cable(tmp_path / "cable") as cable:
        yield Bench(cable, identity, tmp_path / "device", keys, MemoryDesk(identity, Heard(), identity.bridge_id))


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "bridge")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    make_device(tmp_path / "reader" / "identity", DEVICE)
    return tmp_path / "reader"


@pytest.fixture
def reader(state: Path) -> Iterator[Reader]:
    reader = Reader(state)
    yield reader
    reader.journal.close()
