"""The physical world around the virtual reader: its screen, fingers, a keypad, what the camera sees, the card there.

`Dock` is the world's side, a server on a Unix socket; the devices of `board.sim` are its clients, each on a
connection of its own that starts with one JSON line {"device": NAME}. After that:

    display      client: a JSON line {"name", "width", "height"}, then width x height x 3 bytes of RGB; server: a line
    touch        server: JSON lines {"x", "y"}
    keypad       server: JSON lines {"key": Key value}
    camera       client: a line; server: {"width", "height"} and RGB bytes, or {"fault": CameraFault value}
    card_face    client: a line; server: {"number_b": "14 digits" or null}
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from board.contracts import CameraFault, Frame, Key

LINE_CAP = 4096
PIXEL_CAP = 4096 * 4096
_TAP: Final = "tap"
"""The finger of `touch`."""


class Dock:
    """What surrounds the virtual reader. Change what is public, touch and press: the devices follow."""

    def __init__(self) -> None:
        self.sees: Frame | CameraFault = CameraFault.GONE
        """What is before the camera."""
        self.light = 1.0
        """Of the room: 1 is day, 0 night."""
        self.number_b: str | None = None
        """What is printed on the card that lies on the tray."""
        self.frames = 0
        """Frames the camera has taken of whatever `sees` was."""
        self.on_show: Callable[[str, Image.Image], None] = lambda name, picture: None
        """Called with every picture the screen gets."""
        self._down: str | None = None  # the finger that lies on the panel
        self._panels: set[asyncio.StreamWriter] = set()
        self._keypads: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self, socket: Path) -> None:
        """Start to serve the devices at `socket`."""
        self._server = await asyncio.start_unix_server(self._serve, socket, limit=LINE_CAP)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def touch(self, x: int, y: int) -> None:
        """A finger taps the screen, in pixels from the top left."""
        self.finger_down(_TAP, x, y)
        self.finger_up(_TAP)

    def finger_down(self, finger: str, x: int, y: int) -> bool:
        """A finger comes down; False where the panel rejects it, because another one lies on it."""
        if self._down is not None:
            return False
        self._down = finger
        _tell(self._panels, {"x": x, "y": y})
        return True

    def finger_up(self, finger: str) -> None:
        """A finger leaves the panel."""
        if self._down == finger:
            self._down = None

    def press(self, key: Key) -> None:
        """A key of the external keypad is pressed."""
        _tell(self._keypads, {"key": key.value})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            device = json.loads(await reader.readline() or b"{}").get("device")
            match device:
                case "display":
                    await self._display(reader, writer)
                case "touch":
                    self._panels.add(writer)
                    await reader.read()
                case "keypad":
                    self._keypads.add(writer)
                    await reader.read()
                case "camera":
                    await self._camera(reader, writer)
                case "card_face":
                    while await reader.readline():
                        writer.write(json.dumps({"number_b": self.number_b}).encode() + b"\n")
        except (asyncio.IncompleteReadError, OSError):
            pass  # unplugged
        finally:
            self._panels.discard(writer)
            self._keypads.discard(writer)
            writer.close()

    async def _display(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            head = json.loads(line)
            size = int(head["width"]), int(head["height"])
            if not 0 < size[0] * size[1] <= PIXEL_CAP:
                return
            pixels = await reader.readexactly(size[0] * size[1] * 3)
            self.on_show(str(head["name"]), Image.frombytes("RGB", size, pixels))
            writer.write(b"\n")

    async def _camera(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            sees = self.sees
            if isinstance(sees, CameraFault):
                writer.write(json.dumps({"fault": sees.value}).encode() + b"\n")
            else:
                height, width, _ = sees.shape
                lit = sees if self.light == 1.0 else (sees * np.float32(self.light)).astype(np.uint8)
                writer.write(json.dumps({"width": width, "height": height}).encode() + b"\n" + lit.tobytes())
                self.frames += 1
            await writer.drain()


def _tell(devices: Iterable[asyncio.StreamWriter], what: dict[str, Any]) -> None:
    for writer in devices:
        writer.write(json.dumps(what).encode() + b"\n")
