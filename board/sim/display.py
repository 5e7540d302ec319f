"""The virtual reader's screen, touch panel and keypad: pictures go to the dock, fingers and keys come from it."""

import asyncio
import json
from pathlib import Path
from typing import Any

from PIL import Image

from board.contracts import Key, Point


class DockDisplay:
    """Display on the dock; returns from `show` once the dock has the picture, as a panel does at its next refresh."""

    def __init__(self, size: tuple[int, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.size = size
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, dock: Path, size: tuple[int, int]) -> "DockDisplay":
        """Plug the screen into the dock at `dock`. Raises OSError when there is none."""
        return cls(size, *await _connect(dock, "display"))

    async def show(self, picture: Image.Image, name: str) -> None:
        if picture.size != self.size or picture.mode != "RGB":
            raise ValueError(f"a picture of {picture.size} {picture.mode} on a screen of {self.size} RGB")
        head = {"name": name, "width": picture.width, "height": picture.height}
        self._writer.write(json.dumps(head).encode() + b"\n" + picture.tobytes())
        await self._writer.drain()
        await self._reader.readline()

    async def close(self) -> None:
        self._writer.close()


class DockTouch:
    """Touch on the dock."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, dock: Path) -> "DockTouch":
        """Plug the panel into the dock at `dock`. Raises OSError when there is none."""
        return cls(*await _connect(dock, "touch"))

    async def next(self) -> Point:
        at = await _next(self._reader)
        return Point(at["x"], at["y"])

    async def close(self) -> None:
        self._writer.close()


class DockKeypad:
    """Keypad on the dock."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, dock: Path) -> "DockKeypad":
        """Plug the keypad into the dock at `dock`. Raises OSError when there is none."""
        return cls(*await _connect(dock, "keypad"))

    async def next(self) -> Key:
        return Key((await _next(self._reader))["key"])

    async def close(self) -> None:
        self._writer.close()


async def _next(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next thing that the dock says."""
    line = await reader.readline()
    if not line:
        await asyncio.Event().wait()  # no dock, no finger
    said: dict[str, Any] = json.loads(line)
    return said


async def _connect(dock: Path, device: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(dock))
    writer.write(json.dumps({"device": device}).encode() + b"\n")
    return reader, writer
