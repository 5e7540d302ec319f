"""The window's server, and those who connect to it and never ask for anything whole."""

import asyncio
import os
import resource
import select
import socket
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
from bridge_rig import Bridge
from starlette.types import Receive, Scope, Send
from test_window_served import running
from visit_samples import World
from window_rig import PATIENCE_S, TOKEN, served

from host_bridge.web.guard import PROTOCOL
from host_bridge.web.requests import MOST_OPEN, REQUEST_S
from host_bridge.web.server import LocalServer, listen

FILES = 256
"""File descriptors of the bridge in these tests; usually 1,024."""
FLOOD = FILES + 50
HALF = b"GET / HTTP/1.1\r\nHost: "


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def ended(line: socket.socket) -> bool:
    """Wait for its end."""
    with suppress(ConnectionResetError):
        while line.recv(4096):
            pass
    return True


@contextmanager
def room_for(files: int) -> Iterator[None]:
    """In this process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], max(before[0], files)), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def page_of(port: int) -> bytes:
    with connect(port) as line:
        line.sendall(HALF + f"127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        said = b""
        while more := line.recv(65536):
            said += more
    return said


def test_a_flood_of_half_requests_leaves_page_and_serial_port_to_those_who_need_them(
    tmp_path: Path, world: World
) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with room_for(FLOOD + 200), running(tmp_path, world) as (program, started), ExitStack() as open_lines:
        open_lines.callback(os.close, ours)
        open_lines.callback(os.close, theirs)
        port = int(str(started["window"]))
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        flood = [open_lines.enter_context(connect(port)) for _ in range(FLOOD)]
        for line in flood:
            with suppress(OSError):  # where it is one of those that are closed at once
                line.sendall(HALF)
        (tmp_path / "terminal").symlink_to(os.ttyname(theirs))
        assert select.select([ours], [], [], PATIENCE_S)[0], "the bridge has opened no port"
        assert os.read(ours, 100)
        assert all(map(ended, flood))
        assert page_of(port).startswith(b"HTTP/1.1 200 ")
        program.terminate()
        assert program.wait(PATIENCE_S) == 0
        assert program.stderr is not None and program.stderr.read() == ""


def test_more_connections_than_there_is_room_for_are_closed_at_once_and_the_others_are_served(bridge: Bridge) -> None:
    with served(bridge) as window, window.events() as stream, ExitStack() as open_lines:
        stream.until("snapshot")
        began = monotonic()
        lines = [open_lines.enter_context(window.connect()) for _ in range(MOST_OPEN + 9)]
        ready: set[socket.socket] = set()
        while len(ready) < 10:
            ready.update(select.select([line for line in lines if line not in ready], [], [], PATIENCE_S)[0])
        assert len(ready) == 10 and all(map(ended, ready)) and monotonic() - began < REQUEST_S
        bridge.desk.reception_called("TEST-0001")
        assert stream.until("calls")


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that says back what a websocket says."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@contextmanager
def websocket() -> Iterator[socket.socket]:
    """One that a page's server has accepted."""
    with listen(0) as listener:
        server = LocalServer(repeat, listener, TOKEN)
        thread = Thread(target=lambda: asyncio.run(server.run()))
        thread.start()
        host = f"127.0.0.1:{server.port}"
        try:
            with connect(server.port) as line:
                line.sendall(
                    f"GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                    f"Sec-WebSocket-Protocol: {PROTOCOL}, {TOKEN}\r\n\r\n".encode()
                )
                said = b""
                while not said.endswith(b"\r\n\r\n"):
                    said += line.recv(1)
                assert said.startswith(b"HTTP/1.1 101 ")
                yield line
        finally:
            server.stop()
            thread.join(PATIENCE_S)


def begun(host: str) -> list[bytes]:
    """What may stand at the beginning of a connection that never says more."""
    half = f"GET / HTTP/1.1\r\nHost: {host}\r\n"
    post = (
        f"POST /api/calls/dismiss HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
    )
    granted = f"{post}Authorization: Bearer {TOKEN}\r\n\r\n{{"
    said = ("", half, f"{half}\r\n{half}", granted, f"{half}\r\n{granted}", f"{post}\r\n{{")
    return [one.encode() for one in said]


def test_what_is_no_whole_request_in_time_ends_its_connection_and_what_is_being_answered_goes_on(
    bridge: Bridge, capfd: pytest.CaptureFixture[str]
) -> None:
    with served(bridge) as window, window.events() as stream, websocket() as open_socket, ExitStack() as open_lines:
        stream.until("snapshot")
        began = monotonic()
        lines = [open_lines.enter_context(window.connect()) for _ in begun(window.host)]
        for line, words in zip(lines, begun(window.host), strict=True):
            line.sendall(words)
        assert all(map(ended, lines)) and REQUEST_S - 0.5 < monotonic() - began < REQUEST_S + 5
        open_socket.sendall(bytes.fromhex("81 81 00000000 61"))  # RFC 6455 section 5.2: a masked "a"
        assert open_socket.recv(3) == b"\x81\x01a"
        bridge.desk.reception_called("TEST-0001")
        assert stream.until("calls")
    assert capfd.readouterr().err == ""


def test_who_asks_for_much_and_takes_nothing_of_it_does_not_keep_the_page_from_others(bridge: Bridge) -> None:
    with served(bridge) as window, ExitStack() as open_lines:
        greedy = select.poll()
        for _ in range(MOST_OPEN):
            line = open_lines.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            line.connect(("127.0.0.1", window.window.port))
            line.sendall(f"GET /static/words.js HTTP/1.1\r\nHost: {window.host}\r\n\r\n".encode() * 300)
            greedy.register(line, select.POLLHUP)
        began, said = monotonic(), b""
        while not said.startswith(b"HTTP/1.1 200 "):
            assert monotonic() - began < 8 * REQUEST_S
            greedy.poll(200)
            with suppress(OSError):
                said = page_of(window.window.port)
        assert monotonic() - began > REQUEST_S / 2, "there was room all the time"
