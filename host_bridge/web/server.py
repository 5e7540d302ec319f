"""A page's server: one port on 127.0.0.1, one token, uvicorn behind it."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from host_bridge.web.guard import Guard
from host_bridge.web.requests import MOST_COMING, Requests, quiet_where_nothing_can_be_accepted

SHARED: Final = Path(__file__).with_name("static")
"""Style and script that every page of ours uses; a page serves them under /shared/."""
_GOODBYE_S: Final = 1
"""Streams that are still open are given so long when the server stops."""
_MESSAGE_CAP: Final = 16 << 20


class PortTaken(Exception):
    """Another program has this port; the text says what to do."""


def listen(port: int) -> socket.socket:
    """Take `port` of 127.0.0.1, or any free one for 0. Raises PortTaken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"127.0.0.1 のポート {port} を使えません。使っているプログラムを終えるか、別の番号にしてください"
            f" / port {port} of 127.0.0.1 cannot be used ({error.strerror}): end the program that has it, or choose"
            " another"
        ) from error
    return listener


class LocalServer:
    """Serves `app` behind a Guard, on a socket of `listen`."""

    def __init__(self, app: ASGIApp, listener: socket.socket, token: str, *, camera: bool = False) -> None:
        """`camera`: see Guard."""
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        config = uvicorn.Config(
            Guard(app, self.port, token, camera=camera),
            http=Requests,
            backlog=MOST_COMING,
            ws="websockets-sansio",
            ws_max_size=_MESSAGE_CAP,
            ws_per_message_deflate=False,  # pixels that stay on this machine
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GOODBYE_S,
        )
        self._server = _Server(config)

    async def run(self) -> None:
        """Serve until `stop`."""
        quiet_where_nothing_can_be_accepted(asyncio.get_running_loop())
        await self._server.serve([self._listener])

    def stop(self) -> None:
        """From any thread."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves signals to the program that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def address(port: int, token: str) -> str:
    """What opens the page in a browser. The token stands after #: a browser sends that part to nobody."""
    return f"http://127.0.0.1:{port}/#{token}"
