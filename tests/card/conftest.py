"""A card on the bench: straight in this process, and through the real pcscd with its virtual reader."""

import asyncio
import getpass
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio
from card_bench import READER, Bench, DirectBench, Holder, Issued, Laid, PcscBench, Rig
from permitted import assert_permitted

from board.contracts import CardSession
from board.linux.pcsc import PcscReader
from board.sim.card.authority import Authority
from board.sim.card.issue import issue_personas
from board.sim.card.tray import Tray
from firmware.token.anchors import TrustAnchors

PLACE_S = 30
"""For somebody to lay a card on a real reader."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reader", help="part of a PC/SC reader's name: test the card that lies on it, reading only")
    parser.addoption("--allow-pin", action="store_true", help="with --reader: ask for the card's PIN and present it")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "laid" in metafunc.fixturenames:
        real = metafunc.config.getoption("--reader", None)
        metafunc.parametrize("laid", ["reader"] if real else ["direct", "pcsc"], indirect=True)


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


@pytest_asyncio.fixture(loop_scope="session")
async def pcsc_bench(running_rig: Rig) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as closing:
        bench = PcscBench(running_rig, closing)
        closing.push_async_callback(bench.reader.close)
        closing.push_async_callback(running_rig.tray.lift)
        await bench.reader.removed()
        yield bench


@pytest.fixture(params=["direct", "pcsc"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Whatever a test does here, nothing but what a visit may touch is touched."""
    bench = DirectBench() if request.param == "direct" else request.getfixturevalue("pcsc_bench")
    yield bench
    assert_permitted(bench.trace())


@pytest.fixture
def laid(request: pytest.FixtureRequest) -> Iterator[Laid]:
    """The card of `adult` in this process and through pcscd; with --reader instead whatever lies there."""
    if request.param == "reader":
        yield request.getfixturevalue("plugged")
        return
    holder = request.getfixturevalue("persona")("adult")
    bench = DirectBench() if request.param == "direct" else request.getfixturevalue("pcsc_bench")
    yield Laid(lambda: bench.place_or_again(holder.folder), lambda: holder.pin, pin_allowed=True)
    assert_permitted(bench.trace())


@pytest_asyncio.fixture(loop_scope="session")
async def plugged(request: pytest.FixtureRequest) -> AsyncIterator[Laid]:
    """The card on the reader that --reader names."""
    config = request.config
    reader = PcscReader(config.getoption("--reader"), extended=True)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(reader.close)
        await reader.check()
        try:
            await asyncio.wait_for(reader.inserted(), PLACE_S)
        except TimeoutError:
            pytest.fail("no card lies on that reader")
        allowed = config.getoption("--allow-pin")

        def pin() -> bytearray:
            if not allowed:
                pytest.skip("spends a PIN try if the PIN is wrong: give --allow-pin")
            return bytearray(asked_for(config))

        async def connect() -> CardSession:
            session = await reader.connect()
            closing.callback(session.close)
            return session

        yield Laid(connect, pin, pin_allowed=allowed)


@cache
def asked_for(config: pytest.Config) -> bytes:
    """The PIN of a real card, asked for once; it is shown nowhere."""
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.suspend_global_capture(in_=True)
    try:
        return getpass.getpass("\n暗証番号 / PIN of the card on the reader: ").encode()
    finally:
        capture.resume_global_capture()
