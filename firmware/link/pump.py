"""The thread that owns the port: it moves bytes between the port and one end of the link, and keeps that end's time."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

from board.contracts import HostPort, PortGone

REOPEN_S = 0.1
"""Pause before a port that is gone is tried again."""
WRITE_S = 2.0
READ_S = 5.0


class End(Protocol):
    """One end of the link, without a port: bytes and milliseconds go in, bytes come out."""

    def start(self, now: int) -> None:
        """The line has been (re)opened."""

    def gone(self, reason: str, now: int) -> None:
        """The line is there no more; `reason` is for the event log."""

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line."""

    def tick(self, now: int) -> None:
        """To be called at `due` at the latest, and once after each `call`."""

    def due(self) -> int | None:
        """When `tick` must be called next."""

    def output(self) -> bytes:
        """What must be written to the line now; given once."""


class Pump:
    """Serves an end over a port, from `start` to `stop`; all of the end's work happens in the pump's thread."""

    def __init__(self, port: HostPort, end: End) -> None:
        self._port = port
        self._end = end
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and close the port. Blocking."""
        self._stopping.set()
        self._port.wake()
        self._thread.join()

    def call(self, work: Callable[[], object]) -> None:
        """Have the thread do `work`, soon. Any thread may ask."""
        self._calls.put(work)
        self._port.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if reason := _failure_of(self._serve):
                _failure_of(lambda: self._end.gone(reason, now_ms()))
            self._stopping.wait(REOPEN_S)
            _failure_of(self._work)
        self._port.close()

    def _serve(self) -> None:
        self._port.open()
        self._end.start(now_ms())
        while not self._stopping.is_set():
            self._work()
            out = self._end.output()
            if out:
                self._port.write(out, WRITE_S)
            due = self._end.due()
            wait = READ_S if due is None else min(READ_S, (due - now_ms()) / 1000)
            data = self._port.read(max(0.0, wait))
            if data:
                self._end.feed(data, now_ms())

    def _work(self) -> None:
        while True:
            try:
                work = self._calls.get_nowait()
            except Empty:
                break
            work()
        self._end.tick(now_ms())


def _failure_of(work: Callable[[], object]) -> str:
    """Why `work` came to nothing, for the event log; "" where it did not. No failure may end the thread: without it
    nothing is ever delivered again."""
    try:
        work()
    except PortGone:
        return "port_gone"
    except Exception as error:
        return f"internal: {type(error).__name__}"
    return ""


def now_ms() -> int:
    """The clock of all ends: milliseconds that never go back."""
    return time.monotonic_ns() // 1_000_000
