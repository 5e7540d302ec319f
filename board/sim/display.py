"""The virtual reader's screen, touch panel and keypad: pictures go to the dock, fingers and keys come from it."""

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar, Self

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


class _DockInput:
    """What a hand does at the dock, a JSON line each."""

    device: ClassVar[str]

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, dock: Path) -> Self:
        """Plug the part into the dock at `dock`. Raises OSError when there is none."""
        return cls(*await _connect(dock, cls.device))

    async def close(self) -> None:
        self._writer.close()

    async def _next(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            await asyncio.Event().wait()  # no dock, no hand
        said: dict[str, Any] = json.loads(line)
        return said


class DockTouch(_DockInput):
    """Touch on the dock."""

    device = "touch"

    async def next(self) -> Point:
        at = await self._next()
        return Point(at["x"], at["y"])


class DockKeypad(_DockInput):
    """Keypad on the dock."""

    device = "keypad"

    async def next(self) -> Key:
        return Key((await self._next())["key"])


async def _connect(dock: Path, device: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(dock))
    writer.write(json.dumps({"device": device}).encode() + b"\n")
    return reader, writer
