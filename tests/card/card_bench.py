"""Where a card lies while a test talks to it."""

import os
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from board.contracts import CardSession
from board.linux.pcsc import PcscReader
from board.sim.card.chip import VirtualCard
from board.sim.card.data import COUNTERS, CardData
from board.sim.card.files import Counters
from board.sim.card.trace import Trace
from board.sim.card.tray import Tray
from board.sim.card.vpcd import PORT
from board.sim.pcscd import PcscDaemon
from firmware.token.anchors import TrustAnchors

READER = "Virtual PCD"


@dataclass(frozen=True)
class Issued:
    """Freshly issued cards, and what a verifier trusts."""

    cards: Path
    anchors: TrustAnchors


@dataclass(frozen=True)
class Holder:
    """A card folder of the test's own, and what the card's holder knows."""

    folder: Path
    pin: bytearray
    number_b: str


def presented(lines: list[str]) -> list[str]:
    """The lines of a trace that show a PIN or a number being presented, masked as they must be."""
    return [line for line in lines if re.search(r" 002000[0-9A-F]{2}\*\* ", line)]


class Bench(Protocol):
    """Where a card lies while a test talks to it."""

    async def place(self, folder: Path) -> CardSession: ...

    async def again(self) -> CardSession:
        """A new session with the same card; the one before must be closed."""

    async def place_or_again(self, folder: Path) -> CardSession:
        """A session with this card, which is placed the first time."""

    def trace(self) -> list[str]: ...


@dataclass
class DirectSession:
    """A session with nothing between. Implements CardSession."""

    card: VirtualCard
    extended: bool = False
    atr: bytes = VirtualCard.atr

    def transmit(self, apdu: bytes) -> bytes:
        return self.card.transmit(apdu)

    def close(self) -> None:
        self.card.power_off()


@dataclass
class DirectBench:
    lines: list[str] = field(default_factory=list)
    card: VirtualCard | None = None

    async def place_or_again(self, folder: Path) -> CardSession:
        return await (self.again() if self.card else self.place(folder))

    async def place(self, folder: Path) -> CardSession:
        trace = Trace(self.lines.append)
        self.card = VirtualCard(CardData.load(folder), Counters(folder / COUNTERS), trace)
        return await self.again()

    async def again(self) -> CardSession:
        assert self.card is not None
        self.card.power_on()
        return DirectSession(self.card)

    def trace(self) -> list[str]:
        return self.lines


class PinTryRefused(Exception):
    """A test was about to spend a try of somebody's real PIN without having been allowed to."""


@dataclass
class Guarded:
    """A session with a card that may be somebody's own. Implements CardSession."""

    session: CardSession
    pin_allowed: bool
    extended: bool = False
    atr: bytes = b""

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] == 0x20 and len(apdu) > 4 and not self.pin_allowed:
            raise PinTryRefused("VERIFY with data: give --allow-pin")
        return self.session.transmit(apdu)

    def close(self) -> None:
        self.session.close()


@dataclass
class Laid:
    """A card that lies somewhere: a virtual one, or whatever is on a real reader."""

    connect: Callable[[], Awaitable[CardSession]]
    """A new session; the one before must be closed."""
    pin: Callable[[], bytearray]
    """Skips the test where no try may be spent."""
    pin_allowed: bool

    async def session(self, *, extended: bool = False) -> CardSession:
        session = await self.connect()
        return Guarded(session, self.pin_allowed, extended and session.extended)


class Rig:
    """pcscd, vpcd and a tray, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.daemon = PcscDaemon(folder)
        self.tray = Tray(folder / "tray")
        self.trace_file = folder / "trace"
        self.folder = folder

    async def start(self, *options: str) -> None:
        """With more `options` for the card's program."""
        await self.daemon.__aenter__()
        os.environ.update(self.daemon.environment)
        await self._serve(self.folder / "tray", "--trace", self.trace_file, *options)

    async def another_tray(self) -> Tray:
        """A tray before vpcd's second slot, the reader `Virtual PCD 00 01`; it ends with the rig."""
        socket = self.folder / "second"
        if not socket.exists():
            await self._serve(socket, "--port", PORT + 1)
        return Tray(socket)

    async def stop(self) -> None:
        await self.daemon.__aexit__()
        for socket in ("tray", "second"):
            (self.folder / socket).unlink(missing_ok=True)

    async def _serve(self, socket: Path, *options: object) -> None:
        argv = (sys.executable, "-m", "board.sim.card", "serve", "--control", socket, *options)
        await self.daemon.start_card([str(one) for one in argv])
        await Tray(socket).served()


@dataclass
class PcscBench:
    rig: Rig
    closing: AsyncExitStack
    reader: PcscReader = field(default_factory=lambda: PcscReader(READER, extended=True))
    placed: bool = False

    async def place_or_again(self, folder: Path) -> CardSession:
        return await (self.again() if self.placed else self.place(folder))

    async def place(self, folder: Path) -> CardSession:
        self.rig.trace_file.write_text("")
        await self.rig.tray.place(str(folder))
        self.placed = True
        await self.reader.inserted()
        return await self.again()

    async def again(self) -> CardSession:
        session = await self.reader.connect()
        self.closing.callback(session.close)
        return session

    def trace(self) -> list[str]:
        return self.rig.trace_file.read_text("utf-8").splitlines()
