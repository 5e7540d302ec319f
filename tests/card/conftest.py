"""A card on the bench: straight in this process, and through the real pcscd with its virtual reader."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from card_bench import READER, Bench, DirectBench, Holder, Issued, PcscBench, Rig

from board.linux.pcsc import PcscReader
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from board.sim.card.tray import Tray
from firmware.token.anchors import TrustAnchors


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    folder = tmp_path_factory.mktemp("issued")
    authority = Authority.create()
    authority.save(folder / "authority")
    issue_personas(folder / "cards", authority, {})
    anchors = ((folder / "authority" / name).read_bytes() for name in ("jpki_ca.pem", "cv_ca.json"))
    return Issued(folder / "cards", TrustAnchors.from_files(*anchors))


@pytest.fixture
def persona(issued: Issued, tmp_path: Path) -> Callable[[str], Holder]:
    """Call it with a persona's name: a fresh copy of that card, tries as issued."""

    def fresh(name: str) -> Holder:
        folder = tmp_path / name
        shutil.copytree(issued.cards / name, folder)
        known = json.loads((folder / "card.json").read_text("utf-8"))
        return Holder(folder, bytearray(known["pin"].encode()), known["number_b"])

    return fresh


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_rig() -> AsyncIterator[Rig]:
    with TemporaryDirectory(prefix="pcsc") as folder:
        rig = Rig(Path(folder))
        await rig.start()
        yield rig
        await rig.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def rig(running_rig: Rig) -> AsyncIterator[Rig]:
    """The rig with an empty tray and an empty trace."""
    running_rig.trace_file.write_text("")
    yield running_rig
    await running_rig.tray.lift()


@pytest_asyncio.fixture(loop_scope="session")
async def second_tray(rig: Rig) -> AsyncIterator[Tray]:
    """The tray before vpcd's other slot."""
    tray = await rig.another_tray()
    yield tray
    await tray.lift()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(rig: Rig) -> AsyncIterator[PcscReader]:
    reader = PcscReader(READER)
    await reader.removed()
    yield reader
    await reader.close()


@pytest_asyncio.fixture(loop_scope="session", params=["direct", "pcsc"])
async def bench(request: pytest.FixtureRequest, running_rig: Rig) -> AsyncIterator[Bench]:
    if request.param == "direct":
        yield DirectBench()
        return
    async with AsyncExitStack() as closing:
        bench = PcscBench(running_rig, closing)
        await bench.reader.removed()
        yield bench
    await running_rig.tray.lift()
    await bench.reader.close()
