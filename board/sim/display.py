"""The virtual reader's screen and touch panel: pictures go to the dock, fingers come from it."""

import asyncio
import json
from pathlib import Path

from PIL import Image

from board.contracts import Point


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
        line = await self._reader.readline()
        if not line:
            await asyncio.Event().wait()  # no dock, no finger
        at = json.loads(line)
        return Point(at["x"], at["y"])

    async def close(self) -> None:
        self._writer.close()


async def _connect(dock: Path, device: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(dock))
    writer.write(json.dumps({"device": device}).encode() + b"\n")
    return reader, writer
