"""The window's thread: serves the page, and sees every few seconds what has become of the files."""

import asyncio
import base64
import socket
from contextlib import suppress
from typing import Final

from structlog.typing import FilteringBoundLogger

from host_bridge.outlets.window.page import window_page
from host_bridge.reception import Reception
from host_bridge.web.server import LocalServer, address

LOOK_S: Final = 2.0
"""From one look at the receipt computer's folder to the next."""


def token_of(key: bytes) -> str:
    """What the page's address carries for a key: base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


class Window:
    """Serves until stopped, on a socket that listens already."""

    def __init__(
        self, reception: Reception, listener: socket.socket, token: str, demo: bool, log: FilteringBoundLogger
    ) -> None:
        self._reception = reception
        self._server = LocalServer(window_page(reception, demo), listener, token)
        self._log = log
        self.port = self._server.port
        self.address = address(self.port, token)

    def run(self) -> None:
        """In a thread of its own. Whatever becomes of the page, the link goes on."""
        try:
            asyncio.run(self._serve())
        except Exception as fault:
            self._log.error("window_failed", reason=type(fault).__name__)

    def stop(self) -> None:
        """From any thread."""
        self._server.stop()
        self._reception.close()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:  # a fault of either ends both, and is told
            looking = tasks.create_task(self._look())
            await self._server.run()
            looking.cancel()

    async def _look(self) -> None:
        while True:
            self._reception.forget()
            with suppress(OSError):  # a folder that is away for a while
                await asyncio.to_thread(self._reception.look)
            await asyncio.sleep(LOOK_S)
