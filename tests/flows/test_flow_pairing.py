"""A reader out of its box: it is paired at its own screen, and then serves; what keeps it from serving is said."""

import asyncio
import json
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from board.demo.cable import Cable
from board.demo.pair import pair
from board.linux.serial import SerialHostPort
from board.sim.display import DockDisplay, DockTouch
from board.sim.dock import Dock
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.flows.events import EventLog
from firmware.flows.pairing import SETTLE_S, PairingDesk
from firmware.link.state import alone, journal_file, open_journal, open_keys
from firmware.screens.look import Look
from firmware.screens.pairing_code import PairingCode
from firmware.wire import enrolment
from host_bridge.identity import create_bridge
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase
from host_bridge.port import TerminalPort

DEVICE = "READER-0001"
LOOK = Look()
CONFIRM, STOP = (PairingCode("000000", DEVICE).draw(LOOK).areas[area].centre for area in ("confirm", "stop"))


class Panel:
    """The dock with what its screen has shown."""

    def __init__(self, dock: Dock, file: Path) -> None:
        self.dock = dock
        self.file = file
        self.shown: list[str] = []
        self._news = asyncio.Event()
        dock.on_show = self._saw

    async def see(self, name: str, since: int = 0) -> None:
        async with asyncio.timeout(30):
            while name not in self.shown[since:]:
                self._news.clear()
                await self._news.wait()

    def _saw(self, name: str, picture: Any) -> None:
        self.shown.append(name)
        self._news.set()


class Staff:
    """Somebody at the terminal, who types what the test tells them."""

    def __init__(self, pairing: Pairing, port: Path) -> None:
        self.pairing = pairing
        self.typed: str | None = None
        self._port = TerminalPort(port)
        self._stop = threading.Event()

    async def __aenter__(self) -> "Staff":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join)

    def type(self, code: str) -> None:
        self.typed = code

    async def see(self, phase: Phase) -> None:
        async with asyncio.timeout(15):
            while self.pairing.phase is not phase:
                await asyncio.sleep(0.01)

    def code(self) -> str:
        """As the reader's screen shows it."""
        return enrolment.code(self.pairing._transcript)

    def _run(self) -> None:
        self._port.open()
        self.pairing.start(now())
        while not self._stop.is_set():
            self.pairing.feed(self._port.read(0.01), now())
            self.pairing.tick(now())
            typed, self.typed = self.typed, None
            if typed is not None:
                self.pairing.type_code(typed, now())
            out = self.pairing.output()
            if out:
                self._port.write(out, 2.0)
        self._port.close()


def now() -> int:
    return time.monotonic_ns() // 1_000_000


@pytest.fixture
async def panel(tmp_path: Path) -> AsyncIterator[Panel]:
    dock = Dock()
    await dock.open(tmp_path / "dock")
    yield Panel(dock, tmp_path / "dock")
    await dock.close()


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    async with Cable(tmp_path / "cable") as cable:
        yield cable


@pytest.fixture
def state(tmp_path: Path, world: Path) -> Path:
    make_device(tmp_path / "reader" / "identity", DEVICE)
    shutil.copytree(world / "authority", tmp_path / "reader" / "authority")
    return tmp_path / "reader"


def host(state: Path, tmp_path: Path) -> Pairing:
    makers = Makers(state / "identity" / "maker_root.pem", state / "identity" / "maker_revoked.pem")
    return Pairing(create_bridge(tmp_path / "bridge"), makers, codec())


class Reader:
    """`kiosk-reader run` in a process of its own."""

    def __init__(self, state: Path, panel: Panel, cable: Cable) -> None:
        self._command = [sys.executable, "-m", "firmware", "run", "--state", str(state), "--dock", str(panel.file)]
        self._command += ["--port", str(cable.reader)]

    async def __aenter__(self) -> "Reader":
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.communicate()

    async def ended(self) -> tuple[int, list[dict[str, Any]], str]:
        """Exit status, events, standard error."""
        out, error = await asyncio.wait_for(self.process.communicate(), 30)
        assert self.process.returncode is not None
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], error.decode()


async def settle() -> None:
    await asyncio.sleep(SETTLE_S + 0.05)


async def test_a_new_reader_is_paired_at_its_screen_and_then_waits_for_a_patient(
    panel: Panel, cable: Cable, state: Path, tmp_path: Path
) -> None:
    async with Reader(state, panel, cable) as reader:
        await panel.see("pair_reader")
        async with Staff(host(state, tmp_path), cable.terminal) as staff:
            await panel.see("pairing_code")
            await staff.see(Phase.CODE)
            staff.type(staff.code())
            await staff.see(Phase.TOUCH)
            assert open_keys(state).local() is None
            await settle()
            panel.dock.touch(*CONFIRM)
            await staff.see(Phase.PAIRED)
        since = len(panel.shown)
        async with asyncio.timeout(30):
            while not set(panel.shown[since:]) & {"place_card", "terminal_away", "out_of_order"}:
                await asyncio.sleep(0.05)
        reader.process.terminate()
        status, events, _ = await reader.ended()
    assert status == 0
    names = [event["event"] for event in events]
    assert [name for name in names if name != "link_down"] == [
        "reader_started",
        "pairing_code_shown",
        "paired",
        "reader_stopped",
    ]
    assert open_keys(state).local() is not None


async def test_a_damaged_journal_puts_the_reader_out_of_order_and_says_what_to_do(
    panel: Panel, cable: Cable, state: Path, tmp_path: Path
) -> None:
    pair(create_bridge(tmp_path / "bridge"), state)
    journal_file(state).write_bytes(b"damaged")
    async with Reader(state, panel, cable) as reader:
        await panel.see("out_of_order")
        status, events, error = await reader.ended()
    assert status == 3 and events[-1]["code"] == "J01"
    assert "J01" in error and "unpair --state" in error and "Move" in error
    assert journal_file(state).read_bytes() == b"damaged"


async def test_without_a_dock_the_reader_ends_with_one_line_about_it(
    panel: Panel, cable: Cable, state: Path, tmp_path: Path
) -> None:
    panel.file = tmp_path / "nowhere"
    async with Reader(state, panel, cable) as reader:
        status, events, error = await reader.ended()
    assert (status, events) == (1, [])
    assert error.startswith(f"kiosk-reader: --dock {tmp_path / 'nowhere'}: ") and len(error.splitlines()) == 1


async def test_a_second_reader_on_the_same_folder_is_refused_and_leaves_the_screen_alone(
    panel: Panel, cable: Cable, state: Path
) -> None:
    with alone(state):
        async with Reader(state, panel, cable) as reader:
            status, events, error = await reader.ended()
    assert (status, events, panel.shown) == (1, [], [])
    assert "a reader is running on this folder; end it first" in error


class Desk:
    """The pairing flow in this process, and its log."""

    def __init__(self, panel: Panel, cable: Cable, state: Path, tmp_path: Path) -> None:
        self.panel, self.cable, self.state, self.log = panel, cable, state, tmp_path / "log"

    async def __aenter__(self) -> "Desk":
        self.display = await DockDisplay.connect(self.panel.file, LOOK.size)
        self.touch = await DockTouch.connect(self.panel.file)
        self.journal = open_journal(self.state, paired=False)
        self.stream = self.log.open("w")
        desk = PairingDesk(self.display, self.touch, LOOK)
        self.pairing = asyncio.create_task(
            desk.be_paired(
                SerialHostPort(self.cable.reader),
                open_keys(self.state),
                self.journal,
                codec(),
                EventLog(self.stream),
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pairing.cancel()
        await asyncio.wait({self.pairing})
        self.journal.close()
        self.stream.close()
        await self.display.close()
        await self.touch.close()


async def test_a_touch_that_came_with_the_code_confirms_nothing(
    panel: Panel, cable: Cable, state: Path, tmp_path: Path
) -> None:
    async with Desk(panel, cable, state, tmp_path) as desk:
        await panel.see("pair_reader")
        panel.dock.touch(*CONFIRM)  # there is no such button yet
        async with Staff(host(state, tmp_path), cable.terminal) as staff:
            await panel.see("pairing_code")
            panel.dock.touch(*CONFIRM)  # meant for the screen before
            await staff.see(Phase.CODE)
            staff.type(staff.code())
            await staff.see(Phase.TOUCH)
            await settle()
            assert open_keys(state).local() is None
            panel.dock.touch(*CONFIRM)
            await asyncio.wait_for(desk.pairing, 15)
            await staff.see(Phase.PAIRED)
    assert open_keys(state).local() is not None


async def test_stop_at_the_reader_ends_it_at_both_ends_and_the_screen_says_that_it_failed(
    panel: Panel, cable: Cable, state: Path, tmp_path: Path
) -> None:
    async with Desk(panel, cable, state, tmp_path) as desk, Staff(host(state, tmp_path), cable.terminal) as staff:
        await panel.see("pairing_code")
        await settle()
        since = len(panel.shown)
        panel.dock.touch(*STOP)
        await panel.see("pair_reader", since)
        await staff.see(Phase.REFUSED)
        assert not desk.pairing.done()
    events = [json.loads(line) for line in desk.log.read_text().splitlines()]
    assert [(event["event"], event.get("reason")) for event in events] == [
        ("pairing_code_shown", None),
        ("pairing_failed", "stopped at the reader"),
    ]


async def test_the_code_is_in_no_log(panel: Panel, cable: Cable, state: Path, tmp_path: Path) -> None:
    async with Desk(panel, cable, state, tmp_path) as desk, Staff(host(state, tmp_path), cable.terminal) as staff:
        await panel.see("pairing_code")
        await staff.see(Phase.CODE)
        code = staff.code()
    assert code not in desk.log.read_text()
