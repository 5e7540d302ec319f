"""A reliable stream of bytes over a line that loses, repeats, invents, reflects and breaks.

Stop-and-wait: one DATA frame at a time is on its way in each direction, sent again until its ACK comes. The host
opens, and keeps an idle connection alive; the reader only ever answers, because before the host has set its
terminal device to raw mode, Linux would echo a reader that talks first.

A connection's id is the host's random half, exclusive-or the reader's: neither a stale frame, nor an end that
has restarted, can speak for a connection that it did not open.

No clock in here, and no chance: `now` is a count of milliseconds that never goes back, `urandom(n)` gives n bytes.
"""

from firmware.wire import frame
from firmware.wire.frame import Deframer, Frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from firmware.wire.frame import Codec

RETRY_MS = 50
"""An unanswered frame is sent again after this long; then twice as long, up to RETRY_MAX_MS."""
RETRY_MAX_MS = 400
GIVE_UP_MS = 4000
"""A frame unacknowledged for so long means that the other end is gone."""
KEEPALIVE_MS = 1000
"""The host breaks its own silence after this long."""
SILENCE_MS = 12000
"""The reader takes a host for gone that was silent for so long: longer than any answer may take."""
REOPEN_MS = 100
"""The host waits this long after a loss before it opens anew;"""
REFUSED_MS = 2000
"""this long where one end did not accept the other."""
QUEUE_MAX = 96 * 1024
"""So many bytes may wait for their turn: a record six times, which a slow line has not carried yet, and the questions
of a visit. Who asks for more while acknowledging too little fills this end's memory."""

SESSION = 1
"""Purposes of a connection: TLS with messages in it,"""
PAIRING = 2
"""or the steps that give a reader its identity (`enrolment`)."""

CONNECTED = 1
RECEIVED = 2
LOST = 3
"""Kinds of event. An event is (kind, bytes received, reason)."""

SILENT = 1
"""Reasons of a loss: the other end does not answer,"""
UNKNOWN = 2
"""it does not know this connection (it has restarted),"""
REPLACED = 3
"""the host has opened another one,"""
REFUSED = 4
"""the other end did not accept who this end is,"""
BROKEN = 5
"""what was sent breaks the protocol above, or more waits to be sent than QUEUE_MAX,"""
UNPAIRED = 6
"""a session was asked of a reader that is not paired,"""
PAIRED = 7
"""or pairing of one that is."""
_OTHER_PURPOSE = {PAIRING: UNPAIRED, SESSION: PAIRED}
"""Why a reader that serves a purpose does not serve another."""


class Channel:
    """One end of the stream. Call `start`, then `feed` and `tick`; write `output` to the line after every call."""

    def __init__(self, host: bool, urandom: "Callable[[int], bytes]", purpose: int, codec: "Codec") -> None:
        """`purpose`: what a host opens a connection for, what a reader serves. `codec`: see `frame`."""
        self._host = host
        self._urandom = urandom
        self._purpose = purpose
        self._codec = codec
        self._deframer = Deframer(codec)
        self._output = b""
        self._forget()
        self._retry_at: int | None = None

    def start(self, now: int) -> None:
        """The line has been (re)opened: nothing from before counts. The host begins to open."""
        self._deframer = Deframer(self._codec)
        self._output = b""
        self._forget()
        self._retry_at = now if self._host else None

    def feed(self, data: bytes, now: int) -> list[tuple[int, bytes, int]]:
        """Bytes from the line; returns what happened."""
        events = self._untold()
        for one in self._deframer.feed(data):
            if one.from_host != self._host:
                self._receive(one, now, events)
        return events

    def tick(self, now: int) -> list[tuple[int, bytes, int]]:
        """To be called at `due` at the latest; returns what happened."""
        events = self._untold()
        if not self._connected:
            if self._retry_at is not None and now >= self._retry_at:
                self._open(now)
        elif self._flying is not None:
            if now - self._sent_at >= GIVE_UP_MS:
                self._lose(SILENT, now, events)
            elif self._retry_at is not None and now >= self._retry_at:
                self._transmit(now)
        elif self._host and now - self._heard_at >= KEEPALIVE_MS:
            self._fly(b"", now)
        if self._connected and not self._host and now - self._heard_at >= SILENCE_MS:
            self._lose(SILENT, now, events)
        return events

    def due(self) -> int | None:
        """When `tick` must be called next, or None if only the other end can bring news; 0, which is long past, where
        there is news already."""
        if self._overrun:
            return 0
        if not self._connected:
            return self._retry_at
        times = []
        if self._flying is not None:
            times.append(self._sent_at + GIVE_UP_MS)
            if self._retry_at is not None:
                times.append(self._retry_at)
        elif self._host:
            times.append(self._heard_at + KEEPALIVE_MS)
        if not self._host:
            times.append(self._heard_at + SILENCE_MS)
        return min(times)

    def send(self, data: bytes, now: int) -> None:
        """Queue bytes for the other end. Without a connection they are dropped with it.

        With more than QUEUE_MAX in the queue the connection ends; the next `feed` or `tick` tells it.
        """
        if self._connected and len(self._queue) + len(data) > QUEUE_MAX:
            self.drop(BROKEN, now)
            self._overrun = True
        elif self._connected:
            self._queue += data
            self._next(now)

    def unsent(self) -> int:
        """Bytes that wait here until what is on its way has arrived."""
        return len(self._queue)

    def drop(self, reason: int, now: int) -> None:
        """End the connection and tell the other end why; a host opens anew after a pause. Gives no event."""
        if self._connected:
            self._emit(frame.RESET, self._connection, 0, bytes([reason]))
        self._end(reason, now)

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        out = self._output
        self._output = b""
        return out

    def _forget(self) -> None:
        self._connected = False
        self._opening = 0  # the host's half of the id
        self._answer = b""  # the reader's half of the id
        self._connection = 0
        self._queue = b""
        self._overrun = False  # whether `send` has ended a connection, and nobody knows yet
        self._flying: bytes | None = None  # the payload whose ACK is awaited
        self._next_out = 0
        self._next_in = 0
        self._sent_at = 0
        self._heard_at = 0
        self._wait = RETRY_MS

    def _end(self, reason: int, now: int) -> None:
        self._forget()
        pause = REFUSED_MS if reason in (REFUSED, UNPAIRED, PAIRED) else REOPEN_MS
        self._retry_at = now + pause if self._host else None

    def _untold(self) -> "list[tuple[int, bytes, int]]":
        overrun = self._overrun
        self._overrun = False
        return [(LOST, b"", BROKEN)] if overrun else []

    def _lose(self, reason: int, now: int, events: list[tuple[int, bytes, int]]) -> None:
        self._end(reason, now)
        events.append((LOST, b"", reason))

    def _open(self, now: int) -> None:
        if not self._opening:
            self._opening = self._half()
        self._emit(frame.OPEN, self._opening, 0, bytes([self._purpose]))
        self._wait = min(self._wait * 2, RETRY_MAX_MS)
        self._retry_at = now + self._wait

    def _begin(self, now: int, events: list[tuple[int, bytes, int]]) -> None:
        self._connection = self._opening ^ int.from_bytes(self._answer, "big")
        self._connected = True
        self._heard_at = now
        self._retry_at = None
        events.append((CONNECTED, b"", 0))

    def _receive(self, one: Frame, now: int, events: list[tuple[int, bytes, int]]) -> None:
        if one.kind == frame.OPEN:
            if not self._host:
                self._receive_open(one, now, events)
        elif one.kind == frame.OPENED:
            opening = self._host and not self._connected and self._opening
            if opening and one.connection == self._opening and len(one.payload) == 4:
                self._answer = one.payload
                self._begin(now, events)
        elif not self._connected and self._opening and one.connection == self._opening:
            if one.kind == frame.RESET and one.payload in (bytes([UNPAIRED]), bytes([PAIRED])):
                self._lose(one.payload[0], now, events)
        elif not self._connected or one.connection != self._connection:
            if one.kind == frame.DATA and not self._host:
                self._emit(frame.RESET, one.connection, 0, bytes([UNKNOWN]))
        else:
            self._heard_at = now
            self._receive_connected(one, now, events)

    def _receive_open(self, one: Frame, now: int, events: list[tuple[int, bytes, int]]) -> None:
        if one.payload != bytes([self._purpose]):
            self._emit(frame.RESET, one.connection, 0, bytes([_OTHER_PURPOSE[self._purpose]]))
            return
        if not self._connected or one.connection != self._opening:
            if self._connected:
                self._lose(REPLACED, now, events)
            self._forget()
            self._opening = one.connection
            self._answer = self._urandom(4)
            self._begin(now, events)
        self._emit(frame.OPENED, self._opening, 0, self._answer)

    def _receive_connected(self, one: Frame, now: int, events: list[tuple[int, bytes, int]]) -> None:
        if one.kind == frame.DATA:
            if one.sequence == self._next_in:
                self._next_in = (self._next_in + 1) & 0xFFFF
                if one.payload:
                    events.append((RECEIVED, one.payload, 0))
            elif one.sequence != (self._next_in - 1) & 0xFFFF:
                return
            self._emit(frame.ACK, self._connection, one.sequence, b"")
        elif one.kind == frame.ACK:
            if self._flying is not None and one.sequence == self._next_out:
                self._next_out = (self._next_out + 1) & 0xFFFF
                self._flying = None
                self._retry_at = None
                self._next(now)
        elif one.kind == frame.RESET:
            self._lose(one.payload[0] if one.payload else UNKNOWN, now, events)

    def _next(self, now: int) -> None:
        if self._flying is None and self._queue:
            payload = self._queue[: frame.MAX_PAYLOAD]
            self._queue = self._queue[frame.MAX_PAYLOAD :]
            self._fly(payload, now)

    def _fly(self, payload: bytes, now: int) -> None:
        self._flying = payload
        self._sent_at = now
        self._wait = RETRY_MS
        self._transmit(now)

    def _transmit(self, now: int) -> None:
        self._emit(frame.DATA, self._connection, self._next_out, self._flying or b"")
        self._retry_at = now + self._wait
        self._wait = min(self._wait * 2, RETRY_MAX_MS)

    def _emit(self, kind: int, connection: int, sequence: int, payload: bytes) -> None:
        self._output += Frame(kind, self._host, connection, sequence, payload).encode(self._codec)

    def _half(self) -> int:
        """A random half of an id, never 0, which stands for none."""
        return int.from_bytes(self._urandom(4), "big") or 1
