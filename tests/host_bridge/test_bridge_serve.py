"""The loop around a session: a reader on a pseudo terminal, and a desk that fails as nobody foresaw."""

import io
import os
import select
import threading
import time
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from session_rig import Desk, ReaderEnd, SessionWorld

from firmware.wire import cobs
from host_bridge.desk import Settings
from host_bridge.events import open_log
from host_bridge.session import serve

PATIENCE_S = 20.0


@dataclass
class Failing(Desk):
    """Fails so often, then does as it should."""

    failures: int = 1

    def settings(self) -> Settings:
        if self.failures:
            self.failures -= 1
            raise RuntimeError
        return super().settings()


@contextmanager
def on_a_port(reader: ReaderEnd) -> Iterator[Path]:
    """The reader behind a pseudo terminal."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    stop = threading.Event()

    def live() -> None:
        while not stop.is_set():
            ready, _, _ = select.select([ours], [], [], 0.02)
            reader.feed(os.read(ours, 4096) if ready else b"", time.monotonic_ns() // 1_000_000)
            if out := reader.line.output():
                os.write(ours, out)

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield Path(os.ttyname(theirs))
    finally:
        stop.set()
        thread.join()
        os.close(theirs)
        os.close(ours)


def test_after_a_failure_that_nobody_foresaw_the_reader_is_served_anew(tmp_path: Path) -> None:
    world = SessionWorld(tmp_path)
    desk = Failing(world.desk.told)
    events: list[Mapping[str, Any]] = []
    up, stop = threading.Event(), threading.Event()

    def heard(event: Mapping[str, Any]) -> None:
        events.append(dict(event))
        if event["event"] == "link_up":
            up.set()

    log = open_log(io.StringIO(), heard)
    with on_a_port(world.reader) as port:
        bridge = threading.Thread(target=serve, args=(port, world.identity, desk, log, stop, cobs))
        bridge.start()
        try:
            assert up.wait(PATIENCE_S), events
        finally:
            stop.set()
            bridge.join()
    assert desk.failures == 0
    assert "internal: RuntimeError" in [event.get("reason") for event in events]
