"""A bridge whose window is served over a real socket, as tests drive it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from bridge_rig import Bridge

from host_bridge.events import open_log
from host_bridge.news import Subscription
from host_bridge.outlets.window.window import Window
from host_bridge.web.server import listen

TOKEN = "a-token-of-the-tests"
PATIENCE_S = 20.0


def snapshot(bridge: Bridge) -> dict[str, Any]:
    with bridge.reception.watched(lambda: None) as subscription:
        (first,) = subscription.take()
    json.dumps(first)
    return first["snapshot"]  # type: ignore[no-any-return]


def rows(bridge: Bridge) -> list[dict[str, Any]]:
    return snapshot(bridge)["visits"]  # type: ignore[no-any-return]


@contextmanager
def watching(bridge: Bridge) -> Iterator[Subscription]:
    """A subscription whose snapshot has been taken."""
    with bridge.reception.watched(lambda: None) as subscription:
        list(subscription.take())
        yield subscription


def log(bridge: Bridge, name: str, **facts: object) -> None:
    open_log(bridge.log, bridge.reception.heard).info(name, **facts)


@dataclass
class Served:
    """A running window."""

    window: Window
    thread: threading.Thread

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.window.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.window.port), PATIENCE_S)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> HTTPResponse:
        """A request with the token; a header's name is written with _ for -."""
        connection = HTTPConnection("127.0.0.1", self.window.port, timeout=PATIENCE_S)
        given = {"Authorization": f"Bearer {TOKEN}"} | {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, given)
        return connection.getresponse()

    def dismiss(self, call: object) -> int:
        return self.ask("POST", "/api/calls/dismiss", json.dumps(call).encode(), Content_Type="application/json").status

    @contextmanager
    def events(self) -> "Iterator[Stream]":
        answer = self.ask("GET", "/api/events")
        assert answer.status == 200
        with answer:
            yield Stream(answer)


@dataclass
class Stream:
    """Server-sent events as they come."""

    answer: HTTPResponse

    def next(self) -> dict[str, Any]:
        """The next event. Raises EOFError at the end of the stream."""
        while line := self.answer.readline():
            if line.startswith(b"data:"):
                event: dict[str, Any] = json.loads(line[5:])
                return event
        raise EOFError

    def until(self, name: str) -> Any:
        """The next change of this kind."""
        while name not in (event := self.next()):
            pass
        return event[name]


@contextmanager
def served(bridge: Bridge, port: int = 0) -> Iterator[Served]:
    """The window of a bridge, until the end of the block."""
    with listen(port) as listener:
        window = Window(bridge.reception, listener, TOKEN, bridge.demo, open_log(bridge.log))
        thread = threading.Thread(target=window.run)
        thread.start()
        try:
            yield Served(window, thread)
        finally:
            window.stop()
            thread.join(PATIENCE_S)
    assert not thread.is_alive()
