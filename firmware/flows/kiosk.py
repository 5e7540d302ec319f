"""What a visit works with: the reader's parts, the card on the tray, and what becomes of the visit."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Literal, ParamSpec, TypeVar

from board.contracts import CardFace, CardFault, CardReader, CardSession, Indicator
from firmware.card.jpki import PinAbsent, PinReady, PinState
from firmware.flows.events import Fact
from firmware.flows.face_worker import FaceWorker
from firmware.flows.host import Host
from firmware.flows.patient import Patient
from firmware.screens.drawn import Screen
from firmware.token.anchors import TrustAnchors
from firmware.token.claims import Method

FACE_ATTEMPTS = 3
"""In one visit, however often the patient changes the way."""
ANSWER_S = 10.0
"""Card work that takes longer has met a card or a driver that answers no more: a photo of 32 KB in short APDUs takes
4.4 s at 106 kbit/s, and a signature a second at most."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Kiosk:
    """The parts of the reader that a visit uses."""

    patient: Patient
    card_reader: CardReader
    card_face: CardFace
    light: Indicator
    face: FaceWorker | None
    """None: the camera or the models cannot be used; the PIN can."""
    host: Host
    anchors: TrustAnchors
    """Who may have issued a card: the photo's authenticity is judged by them."""


class Ended(Exception):
    """The visit cannot go on. `reason` is for the event log, `screen` tells the patient what to do."""

    def __init__(self, reason: str, screen: Screen) -> None:
        super().__init__(reason)
        self.reason = reason
        self.screen = screen


@dataclass
class Outcome:
    """What became of a visit: facts for the event log, none of them personal."""

    method: Method | None = None
    verified: bool = False
    score: float | None = None
    threshold: float | None = None
    cti: bytes | None = None
    acknowledged: bool = False
    refused: str | None = None
    ms: dict[str, float] = field(default_factory=dict)

    def facts(self) -> dict[str, Fact]:
        """For the event visit_ended."""
        return {
            "method": self.method,
            "verified": self.verified,
            "score": self.score,
            "threshold": self.threshold,
            "cti": self.cti.hex() if self.cti else None,
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "ms": self.ms,
        }

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the wall time spent inside to `ms[what]`, in milliseconds."""
        since = time.monotonic()
        try:
            yield
        finally:
            self.ms[what] = self.ms.get(what, 0.0) + (time.monotonic() - since) * 1000


class Card:
    """The card on the tray: one exclusive session, used by one thread.

    A thread of our own, which no end of the process waits for: a driver may keep it for ever.
    """

    def __init__(self, session: CardSession, answer_s: float = ANSWER_S) -> None:
        self.session = session
        self._answer_s = answer_s
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._mute = False
        threading.Thread(target=self._run, name="card", daemon=True).start()

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking card work. When this is cancelled, what has begun still runs to its end.

        Raises what `work` raises, and CardFault after `answer_s`.
        """
        result: Future[T] = Future()
        self._work.put((result, lambda: work(*args, **kwargs)))
        try:
            async with asyncio.timeout(self._answer_s):  # not wait_for, which may lose a patient's "stop" to an answer
                return await asyncio.wrap_future(result)
        except TimeoutError:
            self._mute = True
            raise CardFault(f"no answer in {self._answer_s:.0f} s") from None

    async def power_off(self) -> None:
        """End the session, after whatever is still running in it. That of a card that answers no more ends when it is
        lifted, or with this process; nobody waits for it."""
        closed: Future[None] = Future()
        self._work.put((closed, self.session.close))
        self._work.put(None)
        if not self._mute:
            await asyncio.wait({asyncio.wrap_future(closed)}, timeout=self._answer_s)

    def _run(self) -> None:
        while job := self._work.get():
            result, work = job
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(work())
                except BaseException as error:
                    result.set_exception(error)


@dataclass
class Visit:
    """One visit in progress."""

    kiosk: Kiosk
    card: Card
    outcome: Outcome
    certificate: bytes = b""
    """The card's authentication certificate, DER."""
    face_attempts_left: int = FACE_ATTEMPTS
    face_barred: Literal["no_photo", "locked"] | None = None
    """Why this card's holder cannot be confirmed by face, once that is known."""
    pin: PinState = field(default_factory=PinAbsent)
    """As the card says before the way is chosen, and after each try; read without spending one."""

    @property
    def pin_left(self) -> bool:
        """Whether the PIN is still a way to confirm this patient."""
        return isinstance(self.pin, PinReady)

    @property
    def face_left(self) -> bool:
        """Whether the face is still a way to confirm this patient."""
        return self.kiosk.face is not None and self.face_attempts_left > 0 and not self.face_barred
