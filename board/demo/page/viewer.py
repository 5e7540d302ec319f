"""One browser that looks at the reader: it gets what has changed on the screen, and whatever else there is to tell.

Pictures cross as they are, without any loss: a binary message is left, top, width and height of the part that changed
(four 16-bit numbers, big endian) and then its RGBA bytes, row by row. A browser that is slow skips pictures.
"""

import asyncio
import struct
from collections import deque
from typing import Any

from PIL import Image, ImageChops
from starlette.websockets import WebSocket

TOLD_CAP = 200
"""Messages kept for a browser that is slow; it misses the older ones."""


class Screen:
    """What the reader's screen shows, and who looks at it."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.name = ""
        self.picture = Image.new("RGB", size)
        self._viewers: set[Viewer] = set()

    def show(self, name: str, picture: Image.Image) -> None:
        """A picture has come to the panel."""
        self.name, self.picture = name, picture
        for viewer in self._viewers:
            viewer.wake()

    def go_dark(self) -> None:
        """The panel has no power."""
        self.show("", Image.new("RGB", self.picture.size))

    def tell(self, message: dict[str, Any]) -> None:
        """To everybody who looks."""
        for viewer in self._viewers:
            viewer.tell(message)

    def join(self, viewer: "Viewer") -> None:
        self._viewers.add(viewer)

    def leave(self, viewer: "Viewer") -> None:
        self._viewers.discard(viewer)


class Viewer:
    """One browser's eye."""

    def __init__(self, screen: Screen, socket: WebSocket) -> None:
        self._screen = screen
        self._socket = socket
        self._told: deque[dict[str, Any]] = deque(maxlen=TOLD_CAP)
        self._news = asyncio.Event()
        self._sent: Image.Image | None = None
        screen.join(self)

    def wake(self) -> None:
        """There is something to send."""
        self._news.set()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message, in its turn."""
        self._told.append(message)
        self._news.set()

    async def run(self) -> None:
        """Send until the browser has gone. Raises WebSocketDisconnect."""
        try:
            while True:
                await self._send_news()
                await self._news.wait()
                self._news.clear()
        finally:
            self._screen.leave(self)

    async def _send_news(self) -> None:
        while self._told:
            await self._socket.send_json(self._told.popleft())
        name, picture = self._screen.name, self._screen.picture
        if picture is not self._sent:
            part = changed(self._sent, picture)
            self._sent = picture
            await self._socket.send_json({"screen": name})
            if part is not None:
                await self._socket.send_bytes(part)


def changed(before: Image.Image | None, now: Image.Image) -> bytes | None:
    """The smallest part that holds all changes, as it crosses; None where nothing has changed."""
    box = (0, 0, *now.size) if before is None else ImageChops.difference(before, now).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return struct.pack(">4H", left, top, right - left, bottom - top) + now.crop(box).convert("RGBA").tobytes()
