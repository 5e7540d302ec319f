"""The reader's questions to the terminal: a thread that owns port, channel and TLS, and an asyncio face for it."""

import asyncio
import itertools
import os
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self

from board.contracts import HostPort, KeyStore, PortGone
from firmware.link.answers import Receipt, Settings, Standing
from firmware.link.trust import bridge_named_in, paired_bridge, server_context
from firmware.wire import messages
from firmware.wire.channel import Channel
from firmware.wire.messages import LIMITS_MS, Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured

REOPEN_S = 0.1
"""Pause before a port that is gone is tried again."""
WRITE_S = 2.0
READ_S = 5.0
RETRY_MS = 1000
"""Pause before a token is sent again to a terminal that could not take it."""

_ANSWERS: dict[int, tuple[int, Callable[[bytes], Any]]] = {
    messages.OPEN_VISIT: (messages.NONCE, messages.unpack_nonce),
    messages.IDENTIFY: (messages.STANDING, Standing.unpack),
    messages.DELIVER: (messages.RECEIPT, Receipt.unpack),
    messages.CALL_RECEPTION: (messages.DONE, lambda _: None),
}
"""Question -> kind of the answer, and what reads its body."""


class LinkDown(Exception):
    """The terminal cannot be reached, or did not answer in its time."""


class _DemoMismatch(Exception):
    """A demo terminal and a reader that is none, or the other way round."""


class _Question:
    def __init__(self, number: int, kind: int, body: bytes) -> None:
        self.number = number
        self.kind = kind
        self.body = body
        self.send_at: int | None = 0  # None: on its way
        self.answer: Future[Any] = Future()
        self.answer.set_running_or_notify_cancel()  # from here on only the link's thread ends it


class Link:
    """The link to the one terminal this reader is paired with. Use as an async context manager.

    `on_event(name, **facts)` hears, in the link's thread: link_up(bridge), link_down(reason).
    """

    def __init__(self, port: HostPort, keys: KeyStore, on_event: Callable[..., None], *, demo: bool) -> None:
        """`demo`: whether this is a demo reader; it talks to a demo terminal only, any other reader to none."""
        self._port = port
        self._tls = server_context(keys)
        self._bridge = paired_bridge(keys)
        self._on_event = on_event
        self._demo = demo
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._questions: dict[int, _Question] = {}  # by number; deliveries among them, oldest first
        self._settings: Settings | None = None
        self._welcomed_at = 0.0
        self._welcomed: Future[None] = Future()
        self._welcomed.set_running_or_notify_cancel()
        self._down_for = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link")
        self.up = False

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        self._port.wake()
        await asyncio.to_thread(self._thread.join)

    async def settings(self) -> Settings:
        """The terminal's settings; waits for the first connection. Raises LinkDown."""
        try:
            async with asyncio.timeout(LIMITS_MS[messages.WELCOME] / 1000):
                await asyncio.shield(asyncio.wrap_future(self._welcomed))
        except TimeoutError:
            raise LinkDown("no terminal has connected") from None
        return self._known()

    def host_time(self) -> int:
        """The terminal's time, seconds since 1970 UTC, carried on by this machine's monotonic clock.

        Raises LinkDown before the first connection.
        """
        return self._known().now + int(time.monotonic() - self._welcomed_at)

    async def open_visit(self) -> bytes:
        """A nonce for one visit, 32 bytes. Raises LinkDown."""
        nonce: bytes = await self._ask(messages.OPEN_VISIT, b"")
        return nonce

    async def identify(self, certificate: bytes) -> Standing:
        """What is known of the holder of `certificate` (DER, at most 4,096 bytes). Raises LinkDown,
        and Malformed for a longer one."""
        standing: Standing = await self._ask(messages.IDENTIFY, certificate)
        return standing

    async def deliver(self, token: bytes, evidence: bytes) -> Receipt:
        """Send a token until the terminal gives a receipt, however long and over however many connections.

        One at a time, in the order of the calls. Cancelling the call does not take the token back.
        Raises Malformed where token or evidence is longer than the wire allows.
        """
        question = self._put(messages.DELIVER, messages.pack_delivery(token, evidence))
        receipt: Receipt = await asyncio.wrap_future(question.answer)
        return receipt

    async def call_reception(self) -> None:
        """Tell the reception that the patient asks for somebody. Raises LinkDown."""
        await self._ask(messages.CALL_RECEPTION, b"")

    async def _ask(self, kind: int, body: bytes) -> Any:
        question = self._put(kind, body)
        try:
            async with asyncio.timeout(LIMITS_MS[kind] / 1000):
                return await asyncio.wrap_future(question.answer)
        except TimeoutError:
            raise LinkDown("no answer in time") from None
        finally:
            with self._lock:
                self._questions.pop(question.number, None)

    def _put(self, kind: int, body: bytes) -> _Question:
        if len(body) > messages.CAPS[kind]:
            raise Malformed(f"message {kind} of {len(body)} bytes")
        question = _Question(next(self._numbers), kind, body)
        with self._lock:
            self._questions[question.number] = question
        self._port.wake()
        return question

    def _known(self) -> Settings:
        if self._settings is None:
            raise LinkDown("no terminal has connected")
        return self._settings

    # The link's thread, from here on.

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._port.open()
                self._converse(SecureChannel(Channel(False, os.urandom), self._wrap))
            except PortGone:
                self._fell("port_gone")
                self._stopping.wait(REOPEN_S)
            except Exception as error:  # without this thread nothing is ever delivered again: begin anew instead
                self._fell(f"internal: {type(error).__name__}")
                self._stopping.wait(REOPEN_S)
        self._port.close()

    def _wrap(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        return self._tls.wrap_bio(incoming, outgoing, server_side=True)

    def _converse(self, line: SecureChannel) -> None:
        line.start(_now())
        while not self._stopping.is_set():
            next_question = self._send_questions(line)
            self._flush(line)
            waits = [at - _now() for at in (line.due(), next_question) if at is not None]
            data = self._port.read(max(0.0, min([READ_S, *(wait / 1000 for wait in waits)])))
            for event in [*line.feed(data, _now()), *line.tick(_now())]:
                if not self._follow(event, line):
                    break

    def _flush(self, line: SecureChannel) -> None:
        out = line.output()
        if out:
            self._port.write(out, WRITE_S)

    def _send_questions(self, line: SecureChannel) -> int | None:
        """Send what is due, of the deliveries only the oldest; returns when something will be."""
        if not self.up:
            return None
        with self._lock:
            deliveries = [one for one in self._questions.values() if one.kind == messages.DELIVER]
            others = [one for one in self._questions.values() if one.kind != messages.DELIVER]
        later = []
        for question in [*others, *deliveries[:1]]:
            if question.send_at is not None and question.send_at <= _now():
                line.send(question.kind, question.number, question.body, _now())
                again = question.kind == messages.DELIVER
                question.send_at = _now() + LIMITS_MS[messages.DELIVER] if again else None
            if question.send_at is not None:
                later.append(question.send_at)
        return min(later, default=None)

    def _follow(self, event: Event, line: SecureChannel) -> bool:
        """Whether the connection goes on."""
        if isinstance(event, Lost):
            self._fell(event.reason)
            return True
        if isinstance(event, Secured):
            if bridge_named_in(event.certificate) == self._bridge:
                return True
            reason = "not_the_paired_bridge"
        else:
            try:
                self._receive(event, line)
                return True
            except Malformed:
                reason = "malformed"
            except _DemoMismatch:
                reason = "demo_mismatch"
        line.refuse(_now())
        self._fell(reason)
        return False

    def _receive(self, message: Received, line: SecureChannel) -> None:
        if message.kind == messages.WELCOME:
            self._welcome(Settings.unpack(message.body), message.request, line)
            return
        if not self.up:
            raise Malformed("an answer before the welcome")
        with self._lock:
            question = self._questions.get(message.request)
        if question is None:
            return  # nobody waits for it any more
        if message.kind == messages.ERROR:
            self._could_not(question)
            return
        expected, unpack = _ANSWERS[question.kind]
        if message.kind != expected:
            raise Malformed(f"answer {message.kind} to question {question.kind}")
        answer = unpack(message.body)
        self._take(question).answer.set_result(answer)

    def _welcome(self, settings: Settings, request: int, line: SecureChannel) -> None:
        if settings.bridge_id.hex() != self._bridge:
            raise Malformed("settings of another bridge")
        if settings.demo is not self._demo:
            raise _DemoMismatch
        self._welcomed_at = time.monotonic()
        self._settings = settings
        line.send(messages.DONE, request, b"", _now())
        with self._lock:
            for question in self._questions.values():
                question.send_at = 0
        self.up = True
        self._down_for = ""
        self._on_event("link_up", bridge=self._bridge)
        if not self._welcomed.done():
            self._welcomed.set_result(None)

    def _could_not(self, question: _Question) -> None:
        if question.kind == messages.DELIVER:
            question.send_at = _now() + RETRY_MS
        else:
            self._take(question).answer.set_exception(LinkDown("the terminal cannot answer"))

    def _take(self, question: _Question) -> _Question:
        with self._lock:
            self._questions.pop(question.number, None)
        return question

    def _fell(self, reason: str) -> None:
        """The connection is over; an unchanged reason is told once."""
        news = self.up or reason != self._down_for
        self.up = False
        self._down_for = reason
        if news:
            self._on_event("link_down", reason=reason)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
