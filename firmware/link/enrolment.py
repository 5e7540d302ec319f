"""The reader's side of pairing, without port, thread or clock: PROTOCOL.md, channel of purpose PAIRING.

The local identity is taken only when both have come: what the host issued, and the touch of whoever compared the code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from board.contracts import KeyStore
from firmware.link.identity import IdentityRefused, check_authority, check_issued
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable
from firmware.wire import enrolment as wire
from firmware.wire.channel import CONNECTED, LOST, PAIRING, Channel
from firmware.wire.enrolment import HAND_MS, STEP_MS, Steps
from firmware.wire.messages import Malformed

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

TRY_MS: Final = 8000
"""From one nonce of the reader's to the next: whoever sits on the cable could otherwise have thousands until one gives
the code that staff see at the terminal. And from the end of a code that was shown to the next nonce: a touch that was
meant for it must not fall on another one. The host waits longer than this."""
LAST_WORD_MS: Final = 500
"""How long the reader stays after its last word, so that it arrives."""


@dataclass(frozen=True)
class Comparing:
    """There is a code for people to compare."""

    code: str


@dataclass(frozen=True)
class Paired:
    """The local identity of this bridge is on the disk, and the line is free for a session with it."""

    bridge: str


@dataclass(frozen=True)
class Failed:
    """This try came to nothing, and the next may begin. `reason` is for the event log."""

    reason: str


News = Comparing | Paired | Failed


class _Refuse(Exception):
    """This end says no; the text goes to the host, at most 64 bytes."""


class Enrolment:
    """The reader's end of pairing. Implements End. `on_news` hears what happens; nothing more after Paired."""

    def __init__(
        self,
        keys: KeyStore,
        journal: Journal,
        codec: "Codec",
        urandom: Callable[[int], bytes],
        on_news: Callable[[News], None],
    ) -> None:
        self._keys = keys
        self._journal = journal
        self._urandom = urandom
        self._on_news = on_news
        self._steps = Steps(Channel(False, urandom, PAIRING, codec))
        self._paired: Paired | None = None
        self._over_at: int | None = None
        self._try_at = 0
        self._forget()

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._steps.start(now)

    def gone(self, reason: str, now: int) -> None:
        """The line is there no more."""
        self._steps.start(now)
        self._lost(reason, now)

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line."""
        self._follow(self._steps.feed(data, now), now)

    def tick(self, now: int) -> None:
        """To be called at `due` at the latest, and after `confirm` and `stop`."""
        self._follow(self._steps.tick(now), now)
        if self._over_at is not None and now >= self._over_at:
            self._leave()
        elif self._until is not None and now >= self._until:
            self._refuse("it took too long", now)
        elif self._commitment and not self._request and now >= self._try_at:
            self._introduce(now)

    def due(self) -> int | None:
        """When `tick` must be called next."""
        waiting = self._try_at if self._commitment and not self._request else None
        times = (self._steps.due(), self._over_at, self._until, waiting)
        return min((at for at in times if at is not None), default=None)

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._steps.output()

    def confirm(self, now: int) -> None:
        """Somebody says that the host has taken the code."""
        if self._compared:
            self._confirmed = True
            self._take(now)

    def stop(self, now: int) -> None:
        """Somebody ends it at the reader."""
        if self._compared:
            self._refuse("stopped at the reader", now)

    def _forget(self) -> None:
        self._awaited: int | None = None  # the step that must come next
        self._until: int | None = None
        self._authority = self._commitment = self._request = self._nonce = b""
        self._bridge = ""
        self._compared = False
        self._confirmed = False
        self._issued: bytes | None = None

    def _follow(self, events: list[tuple[int, int, bytes]], now: int) -> None:
        for kind, step, body in events:
            if kind == LOST:
                self._lost("connection_lost", now)
            elif self._paired is not None:
                continue
            elif kind == CONNECTED:
                self._await(wire.HELLO, now, STEP_MS)
            elif step == wire.REFUSED and self._until is not None:
                self._fail("terminal_refused", now)
            elif self._until is not None:
                try:
                    self._receive(step, body, now)
                except _Refuse as refuse:
                    self._refuse(str(refuse), now)
                except Malformed:
                    self._refuse("a step that is none", now)

    def _receive(self, step: int, body: bytes, now: int) -> None:
        """Raises Malformed, _Refuse."""
        if step != self._awaited:
            raise _Refuse("a step out of its order")
        try:
            if step == wire.HELLO:
                self._hear(body, now)
            elif step == wire.REVEAL:
                self._reveal(body, now)
            else:
                check_issued(body, self._authority, self._request)
                self._issued = body
                self._await(None, now, HAND_MS)
                self._take(now)
        except IdentityRefused as refused:
            raise _Refuse(str(refused)) from refused

    def _hear(self, body: bytes, now: int) -> None:
        self._authority, self._commitment = wire.unpack_hello(body)
        self._bridge = check_authority(self._authority)
        self._await(None, now, TRY_MS + STEP_MS)
        if now >= self._try_at:
            self._introduce(now)

    def _introduce(self, now: int) -> None:
        self._try_at = now + TRY_MS
        try:
            self._request = self._keys.request()
        except OSError:
            self._refuse("the reader cannot keep a key", now)
            return
        self._nonce = self._urandom(wire.NONCE_SIZE)
        identity = wire.pack_identity(list(self._keys.maker_chain()), self._request, self._nonce)
        self._steps.send(wire.IDENTITY, identity, now)
        self._await(wire.REVEAL, now, STEP_MS)

    def _reveal(self, body: bytes, now: int) -> None:
        host_nonce = wire.unpack_nonce(body)
        if wire.commitment(host_nonce) != self._commitment:
            raise _Refuse("a nonce other than the one committed to")
        idevid = self._keys.maker_chain()[0]
        seen = wire.transcript(self._authority, idevid, self._request, host_nonce, self._nonce)
        self._steps.send(wire.PROOF, self._keys.maker_sign(wire.signed(seen)), now)
        self._await(wire.ISSUED, now, HAND_MS)
        self._compared = True
        self._on_news(Comparing(wire.code(seen)))

    def _take(self, now: int) -> None:
        """Once both have come."""
        if self._issued is None or not self._confirmed:
            return
        try:
            self._journal.wipe()  # what an identity before this one has left, no terminal would take
            self._keys.install(self._issued, self._authority)
        except (OSError, JournalUnavailable, JournalDamaged):
            self._refuse("the reader cannot keep it", now)
            return
        self._steps.send(wire.DONE, b"", now)
        self._paired = Paired(self._bridge)
        self._over_at = now + LAST_WORD_MS
        self._forget()

    def _leave(self) -> None:
        if self._paired is not None and self._over_at is not None:
            self._over_at = None
            self._on_news(self._paired)

    def _await(self, step: int | None, now: int, limit: int) -> None:
        self._awaited, self._until = step, now + limit

    def _refuse(self, reason: str, now: int) -> None:
        self._steps.send(wire.REFUSED, reason.encode(), now)
        self._fail(reason, now)

    def _lost(self, reason: str, now: int) -> None:
        """The connection is over."""
        if self._paired is not None:
            self._leave()
        elif self._request:
            self._fail(reason, now)
        else:
            self._forget()

    def _fail(self, reason: str, now: int) -> None:
        if self._compared:
            self._try_at = now + TRY_MS
        self._forget()
        self._on_news(Failed(reason))
