"""The bridge's end of the link: it connects, says what it keeps to, and answers the reader's questions.

`Session` has no input or output of its own; `serve` is the thin loop around it.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from firmware.wire import messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.messages import LIMITS_MS, Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured
from host_bridge.answers import Answering, Asker, answer, settings_body
from host_bridge.clerk import Answer, Aside, AtOnce, Clerk
from host_bridge.denylist import DenylistUnusable
from host_bridge.desk import Settings
from host_bridge.devices import NotServed
from host_bridge.identity import BridgeIdentity
from host_bridge.port import PortLost, TerminalPort
from host_bridge.presence import NO_ANSWER, Presence

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

LOOK_MS: Final = 1000
"""From one look at what may have changed (settings, denylist) to the next."""
TOLD_ANEW_MS: Final = 3_540_000
"""Settings are told anew after this long: at least every hour."""
APART_MS: Final = 2000
"""Settings are told anew where the terminal's clock and the running time have come apart by more: somebody set the
clock, or the terminal slept."""
HANDSHAKE_MS: Final = 10_000
"""A reader that opens a connection and gets no further is given up after this long."""
MOST_QUESTIONS: Final = 64
"""Waiting for the desk. A visit has a few at a time: a reader with more does not wait for answers, and would fill the
terminal's memory."""

REOPEN_S: Final = 0.1
"""Pause before a port that is absent is tried again."""
WRITE_S: Final = 2.0
READ_S: Final = 0.25
"""Longest wait for the reader before the thread looks whether it is to stop."""


class Session:
    """One reader at a time, over as many connections as its cable makes of it.

    Call `start`, then `feed` and `tick`; write `output` to the line after every call. `now` is a count of milliseconds
    that never goes back. One question at a time is with the clerk.
    """

    def __init__(
        self,
        identity: BridgeIdentity,
        desk: Answering,
        log: FilteringBoundLogger,
        codec: "Codec",
        urandom: Callable[[int], bytes] = os.urandom,
        clerk: Clerk | None = None,
    ) -> None:
        """`clerk`: by default the desk's work is done while one waits."""
        self._identity = identity
        self._desk = desk
        self._clerk = clerk or AtOnce()
        self._log = log
        tls = identity.tls_context()
        self._line = SecureChannel(
            Channel(True, urandom, SESSION, codec),
            lambda incoming, outgoing: tls.wrap_bio(incoming, outgoing, server_side=False),
        )
        self._presence = Presence(codec)
        self._asker: Asker | None = None
        self._questions: deque[Received] = deque()
        self._asking = False  # whether a question is with the clerk
        self._ready: tuple[int, int, bytes] | None = None  # the answer to be sent next
        self._told: Settings | None = None
        self._told_at = 0
        self._confirmed = True
        self._look_at = 0
        self._moved_at = 0
        self._up = False
        self._down_for = ""

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._forget()
        self._up = False
        self._presence.start(now)
        self._line.start(now)
        self._look_at = now + LOOK_MS
        self._moved_at = now

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line."""
        if self._asker is None:
            self._presence.heard(data, now)
        else:
            self._presence.served(now)
        self._follow(self._line.feed(data, now), now)

    def tick(self, now: int) -> None:
        """Do what is due; to be called at `due` at the latest."""
        ready, self._ready = self._ready, None
        if ready is not None:
            self._line.send(*ready, now)  # before the line breaks a silence, and before the desk takes its time anew
        self._follow(self._line.tick(now), now)
        if now >= self._look_at:
            self._look(now)
        if ready is None and self._may_answer() and self._still_served(now):
            self._answer(self._questions.popleft())  # sent by a later call, whose `now` is after the desk's work

    def due(self) -> int:
        """When `tick` must be called next; 0, which is long past, where there is something to answer."""
        if self._ready is not None or self._may_answer():
            return 0
        due = self._line.due()
        return self._look_at if due is None else min(due, self._look_at)

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._line.output()

    def fell(self, reason: str) -> None:
        """The connection is over, or none comes about; an unchanged reason is told once."""
        device = self._asker.device_id if self._asker is not None else None
        self._forget()
        news = self._up or reason != self._down_for
        self._up = False
        self._down_for = reason
        if news:
            self._log.info("link_down", device=device, reason=reason)

    def _may_answer(self) -> bool:
        """Whether a question waits, and the reader takes the answers: they must not pile up here."""
        return len(self._questions) > 0 and not self._asking and self._line.unsent() == 0

    def _forget(self) -> None:
        self._asker = None
        self._questions.clear()
        self._ready = None
        self._told = None

    def _follow(self, events: list[Event], now: int) -> None:
        for event in events:
            self._moved_at = now
            if isinstance(event, Lost):
                self.fell(event.reason)
            elif isinstance(event, Secured):
                if not self._meet(event, now):
                    return
            elif event.kind == messages.DONE and event.request == 0:
                self._settled()
            elif len(self._questions) >= MOST_QUESTIONS:
                self._line.refuse(now)
                self.fell("too_many_questions")
                return
            else:
                self._questions.append(event)

    def _meet(self, reader: Secured, now: int) -> bool:
        """Whether the reader is served."""
        self._forget()
        device = self._serving(reader.certificate, now)
        if device is None:
            return False
        self._asker = Asker(device, (reader.certificate, self._identity.authority))
        self._tell(self._desk.settings(), now)
        return True

    def _serving(self, certificate: bytes, now: int) -> str | None:
        """The device that is served with this certificate; any other is told that it is not."""
        try:
            return self._identity.devices.serving(certificate)
        except NotServed as error:
            device, reason = error.device_id, error.reason
        except (DenylistUnusable, OSError, ValueError) as error:
            device, reason = None, "denylist_unusable" if isinstance(error, DenylistUnusable) else "identity_unusable"
        self._line.refuse(now)
        self._forget()
        if self._up or self._down_for != reason:
            self._log.warning("link_refused", device=device, reason=reason)
        self._up = False
        self._down_for = reason
        return None

    def _still_served(self, now: int) -> bool:
        """Whether the reader of this session may go on: it may have been denied or unpaired since."""
        return self._asker is not None and self._serving(self._asker.chain[0], now) is not None

    def _look(self, now: int) -> None:
        self._look_at = now + LOOK_MS
        if self._asker is None:
            verdict = self._presence.verdict(now)
            if not verdict and now - self._moved_at >= HANDSHAKE_MS:
                self._moved_at = now
                self._line.refuse(now)
                verdict = NO_ANSWER
            if verdict:
                self.fell(verdict)
        elif self._still_served(now):
            if not self._confirmed and now - self._told_at >= LIMITS_MS[messages.SETTINGS]:
                self._line.refuse(now)
                self.fell(NO_ANSWER)
            elif self._confirmed and self._is_news(settings := self._desk.settings(), now):
                self._tell(settings, now)

    def _is_news(self, settings: Settings, now: int) -> bool:
        told, since = self._told, now - self._told_at
        if told is None or since >= TOLD_ANEW_MS or abs((settings.now - told.now) * 1000 - since) > APART_MS:
            return True
        return replace(settings, now=told.now) != told

    def _tell(self, settings: Settings, now: int) -> None:
        self._line.send(messages.SETTINGS, 0, settings_body(settings), now)
        self._told, self._told_at, self._confirmed = settings, now, False

    def _settled(self) -> None:
        """The reader has taken the settings."""
        self._confirmed = True
        if not self._up and self._asker is not None:
            self._up = True
            self._down_for = ""
            self._log.info("link_up", device=self._asker.device_id)

    def _answer(self, question: Received) -> None:
        asker = self._asker
        if asker is None:
            return

        def done(given: Answer) -> None:
            self._asking = False
            if self._asker is asker:  # else the connection that asked is over
                self._ready = given[0], question.request, given[1]

        self._asking = True
        self._clerk.do(lambda: self._decide(question, asker), done)

    def _decide(self, question: Received, asker: Asker) -> Answer:
        try:
            return answer(question, asker, self._desk, self._identity.devices)
        except Malformed:
            return messages.ERROR, bytes([messages.NOT_UNDERSTOOD])
        except Exception as error:  # one question that fails must not end the conversation
            reason = type(error).__name__
            self._log.info("answer_failed", device=asker.device_id, question=question.kind, reason=reason)
            return messages.ERROR, bytes([messages.CANNOT])


def serve(
    port_path: Path,
    identity: BridgeIdentity,
    desk: Answering,
    log: FilteringBoundLogger,
    stop: threading.Event,
    codec: "Codec",
) -> None:
    """Serve the reader at `port_path` until `stop` is set, in the calling thread.

    The port may be absent, and come back as another device behind the same name.
    """
    port = TerminalPort(port_path)
    with closing(port), Aside(port.wake) as clerk:
        session = Session(identity, desk, log, codec, clerk=clerk)
        while not stop.is_set():
            try:
                port.open()
                session.start(monotonic_ms())
                while not stop.is_set():
                    _turn(session, port, clerk)
            except Exception as error:  # without this loop no visit is ever taken again: begin anew instead
                session.fell(error.reason if isinstance(error, PortLost) else f"internal: {type(error).__name__}")
                stop.wait(REOPEN_S)


def _turn(session: Session, port: TerminalPort, clerk: Aside) -> None:
    """What has arrived, then what is due. Raises PortLost."""
    now = monotonic_ms()
    wait = (session.due() - now) / 1000
    session.feed(port.read(min(READ_S, max(0.0, wait))), monotonic_ms())
    clerk.collect()
    session.tick(monotonic_ms())
    _flush(session, port)


def _flush(session: Session, port: TerminalPort) -> None:
    out = session.output()
    if out:
        port.write(out, WRITE_S)


def monotonic_ms() -> int:
    """Milliseconds that never go back."""
    return time.monotonic_ns() // 1_000_000
