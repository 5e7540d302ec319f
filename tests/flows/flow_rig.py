"""A visit in this process: the virtual reader's screen, finger and camera, a virtual card, and a terminal in memory."""

import asyncio
import json
import shutil
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from board.contracts import CardGone, CardInUse, Frame, Light, ReaderAbsent
from board.demo.visits import CONSENTS, METHOD, PAD
from board.sim.camera import DockCardFace
from board.sim.card.chip import VirtualCard
from board.sim.card.data import COUNTERS, CardData
from board.sim.card.files import Counters
from board.sim.card.trace import Trace
from board.sim.display import DockDisplay, DockKeypad, DockTouch
from board.sim.dock import Dock
from firmware.flows.face_worker import FaceWorker
from firmware.flows.host import Host
from firmware.flows.kiosk import Kiosk, Outcome
from firmware.flows.patient import Patience, Patient
from firmware.flows.pipe import Caller, Message, Pipe, answer_calls
from firmware.flows.visit import receive_patient
from firmware.policy import FacilityKind
from firmware.screens.drawn import Screen
from firmware.screens.look import Look
from firmware.token.anchors import TrustAnchors

BRIDGE, NONCE, CTI = b"b" * 16, b"n" * 32, b"c" * 16
LOOK = Look()


class MemoryTray:
    """CardReader over a virtual card in this process."""

    def __init__(self) -> None:
        self.absent: str | None = None
        """Set: there is no reader, and this is the advice."""
        self.trace: list[str] = []
        self.lift_after: int | None = None
        """Commands the card still answers before it is lifted."""
        self.answers = threading.Event()
        """Cleared: a command that is sent waits in the driver."""
        self.answers.set()
        self.in_use = False
        """Another program holds the card."""
        self.wanted = asyncio.Event()
        """Somebody waits for a card."""
        self._card: VirtualCard | None = None
        self._changed = asyncio.Event()

    def place(self, folder: Path, change: Callable[[CardData], CardData] = lambda data: data) -> None:
        self._card = VirtualCard(change(CardData.load(folder)), Counters(folder / COUNTERS), Trace(self.trace.append))
        self.wanted.clear()
        self._change()

    def lift(self) -> None:
        if self._card is not None:
            self._card.power_off()
        self._card = None
        self._change()

    async def check(self) -> None:
        if self.absent:
            raise ReaderAbsent(self.absent)

    async def inserted(self) -> None:
        while self._card is None:
            self.wanted.set()
            await self._changed.wait()

    async def removed(self) -> None:
        while self._card is not None:
            await self._changed.wait()

    async def connect(self) -> "MemorySession":
        if self._card is None:
            raise CardGone
        if self.in_use:
            raise CardInUse
        self._card.power_on()
        return MemorySession(self, asyncio.get_running_loop())

    async def close(self) -> None:
        self.lift()

    def answer(self, apdu: bytes, loop: asyncio.AbstractEventLoop) -> bytes:
        self.answers.wait()
        if self.lift_after == 0:
            loop.call_soon_threadsafe(self.lift)
            self.lift_after = None
            self._card = None
        if self._card is None:
            raise CardGone
        if self.lift_after is not None:
            self.lift_after -= 1
        return self._card.transmit(apdu)

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass
class MemorySession:
    """CardSession on a MemoryTray."""

    tray: MemoryTray
    loop: asyncio.AbstractEventLoop
    atr: bytes = VirtualCard.atr
    extended: bool = True

    def transmit(self, apdu: bytes) -> bytes:
        return self.tray.answer(apdu, self.loop)

    def close(self) -> None:
        card = self.tray._card
        if card is not None:
            card.power_off()


@dataclass
class Terminal:
    """What the terminal answers, and what it got."""

    certificate: str = "good"
    validity: int = 1
    registered: bool = True
    ask_consents: bool = True
    silent: bool = False
    up: bool = True
    """Whether it is connected."""
    keeps: bool = True
    """Whether the reader can keep a record for it."""
    deaf_to: str = ""
    """A call that it never answers."""
    accepts: bool = True
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: deliveries wait."""
    delivered: list[Message] = field(default_factory=list)
    called: int = 0

    async def answer(self, question: Message) -> Message:
        if question["call"] == "readiness":
            return {"up": self.up, "keeps": self.keeps}
        if self.silent or question["call"] == self.deaf_to:
            return {"silent": "no answer in time"}
        match question["call"]:
            case "open_visit":
                return {
                    "bridge_id": BRIDGE,
                    "nonce": NONCE,
                    "cti": CTI,
                    "facility": FacilityKind.MEDICAL.value,
                    "today": date(2026, 11, 23).isoformat(),
                }
            case "identify":
                return {
                    "registered": self.registered,
                    "certificate": self.certificate,
                    "validity": self.validity,
                    "ask_consents": self.ask_consents,
                    "ask_prescriptions": False,
                }
            case "deliver":
                self.delivered.append(question)
                await self.answers.wait()
                refusal = None if self.accepts else "nonce_used"
                return {"accepted": self.accepts, "refusal": refusal, "token_ms": 1.0, "host_ms": 2.0}
            case "call_reception":
                self.called += 1
                return {}
        raise AssertionError(question["call"])


class Lamp:
    """Indicator that remembers."""

    def __init__(self) -> None:
        self.shown: list[Light] = []

    def show(self, light: Light) -> None:
        self.shown.append(light)


class FlowRig:
    """One patient at the virtual reader. `async with rig.visit() as ...`: see, tap, ended."""

    def __init__(self, dock: Dock, folder: Path, cards: Path, face: FaceWorker | None, anchors: TrustAnchors) -> None:
        self.dock = dock
        self.tray = MemoryTray()
        self.terminal = Terminal()
        self.terminal.answers.set()
        self.lamp = Lamp()
        self.patience = Patience(settle=0)
        self.screen: Screen | None = None
        self.pictures: list[tuple[str, bytes]] = []
        self._folder = folder
        self._cards = cards
        self._face = face
        self._anchors = anchors
        self._tasks: list[asyncio.Task[Any]] = []
        self._parts: list[DockDisplay | DockTouch | DockKeypad] = []
        self._pipes: list[Pipe] = []
        self._changed = asyncio.Event()
        self.visit: asyncio.Task[Outcome] | None = None

    async def open(self) -> None:
        """A patient process's worth of parts, waiting for a card."""
        self.dock.on_show = self._saw
        socket_file = self._folder / "dock"
        ours, theirs = socket.socketpair()
        terminal, asking = await Pipe.over(ours), await Pipe.over(theirs)
        caller = Caller(asking)
        host = Host(caller)
        display = await DockDisplay.connect(socket_file, LOOK.size)
        touch, keypad = await DockTouch.connect(socket_file), await DockKeypad.connect(socket_file)
        patient = Patient(display, touch, keypad, host, LOOK, self.patience)
        kiosk = Kiosk(patient, self.tray, DockCardFace(socket_file), self.lamp, self._face, host, self._anchors)
        self._parts = [display, touch, keypad]
        self._pipes = [terminal, asking]
        self._run(answer_calls(terminal, self.terminal.answer), caller.run(), patient.run())
        self.visit = asyncio.create_task(receive_patient(kiosk))

    def fresh(
        self, patience: Patience | None = None, *, face: bool = True, tray: MemoryTray | None = None
    ) -> "FlowRig":
        """Another visit at the same reader, not open yet; without `face` its worker has failed."""
        rig = FlowRig(self.dock, self._folder, self._cards, self._face if face else None, self._anchors)
        rig.patience = patience or Patience(settle=0)
        rig.tray = tray or rig.tray
        rig.tray.trace = self.tray.trace  # one trace for all visits of a test
        return rig

    async def close(self) -> None:
        for task in (*self._tasks, *([self.visit] if self.visit else [])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for part in self._parts:
            await part.close()
        for pipe in self._pipes:
            pipe.close()
        self._parts, self._pipes = [], []

    def place(
        self,
        persona: str,
        change: Callable[[CardData], CardData] = lambda data: data,
        *,
        tries: Mapping[tuple[bytes, int], int] = MappingProxyType({}),
    ) -> None:
        """Lay a fresh copy of a persona's card on the tray; `tries` left by application and EF, where not all."""
        folder = self._folder / f"{persona}-{len(list(self._folder.iterdir()))}"
        shutil.copytree(self._cards / persona, folder)
        self.dock.number_b = json.loads((folder / "card.json").read_text("utf-8"))["number_b"]
        for (aid, ef), left in tries.items():
            Counters(folder / COUNTERS).set(aid, ef, left)
        self.tray.place(folder, change)

    def show_to_camera(self, frame: Frame) -> None:
        self.dock.sees = frame

    async def see(self, name: str) -> None:
        """Wait until the screen shows `name`."""
        async with asyncio.timeout(20):
            while not self.pictures or self.pictures[-1][0] != name:
                self._changed.clear()
                await self._changed.wait()

    async def tap(self, screen: Screen, area: str) -> None:
        """Wait for `screen`, tap `area`, and see another picture."""
        await self.tap_in(LOOK, screen, area)

    async def tap_in(self, look: Look, screen: Screen, area: str) -> None:
        """The same, where the patient has chosen another language or size."""
        await self.see(screen.name)
        await self.tap_at_once(screen, area, look)

    async def enter_pin(self, pin: str) -> None:
        """Wait for the pad, tap the digits, then go on."""
        await self.tap(PAD, pin[0])
        for key in (*pin[1:], "next"):
            await self.tap_at_once(PAD, key)

    async def pin_visit(self, persona: str = "pin_person", pin: str = "4321") -> None:
        """Card down, the PIN, everything agreed to."""
        self.place(persona)
        await self.tap(METHOD, "pin")
        await self.enter_pin(pin)
        await self.tap(CONSENTS, "agree_all")

    async def react(self) -> None:
        """A patient's own time, between seeing a new question and touching it."""
        await asyncio.sleep(self.patience.settle + 0.1)

    async def tap_at_once(self, screen: Screen, area: str, look: Look = LOOK) -> None:
        """Tap and see another picture."""
        shown = len(self.pictures)
        self.touch(screen, area, look)
        await self.next_picture(shown)

    def touch(self, screen: Screen, area: str, look: Look = LOOK) -> None:
        """A finger on the middle of `area`."""
        self.dock.touch(*screen.draw(look).areas[area].centre)

    async def next_picture(self, shown: int | None = None, patience: float = 20.0) -> None:
        """One more than `shown`, or than there are now."""
        shown = len(self.pictures) if shown is None else shown
        async with asyncio.timeout(patience):
            while len(self.pictures) == shown:
                self._changed.clear()
                await self._changed.wait()

    async def ended(self) -> Outcome:
        """Take the card away if it is there, let the next patient come, and the visit's outcome."""
        assert self.visit is not None
        self.tray.lift()
        wanted = asyncio.create_task(self.tray.wanted.wait())
        await asyncio.wait({self.visit, wanted}, return_when=asyncio.FIRST_COMPLETED)
        wanted.cancel()
        if not self.visit.done():
            self.place("adult")  # the last screen gives way to the next card
        async with asyncio.timeout(20):
            return await self.visit

    def seen(self) -> list[str]:
        """Names of the screens shown, each once in a row."""
        names: list[str] = []
        for name, _ in self.pictures:
            if not names or names[-1] != name:
                names.append(name)
        return names

    def _saw(self, name: str, picture: Any) -> None:
        self.pictures.append((name, picture.tobytes() if name != "look_at_camera" else b""))
        self._changed.set()

    def _run(self, *work: Coroutine[Any, Any, None]) -> None:
        self._tasks += [asyncio.create_task(one) for one in work]
