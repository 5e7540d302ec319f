"""A scripted patient: places cards, stands before the camera, taps the screen at coordinates, waits to be served."""

import asyncio
from pathlib import Path
from typing import Protocol

from PIL import Image

from board.contracts import Frame
from board.demo.cable import Cable
from board.demo.events import EventLog
from board.demo.film import Film
from board.sim.card.tray import Tray
from board.sim.dock import Dock
from firmware.screens.drawn import Drawn
from firmware.screens.look import Look

PATIENCE_S = 30.0


class Unexpected(Exception):
    """The reader did not do what the script waited for."""


class Drawable(Protocol):
    @property
    def name(self) -> str: ...

    def draw(self, look: Look) -> Drawn: ...


class Script:
    """Hands and eyes of a scripted patient."""

    def __init__(self, dock: Dock, tray: Tray, cable: Cable, reader: EventLog, look: Look) -> None:
        self.dock = dock
        self.tray = tray
        self.cable = cable
        self.reader = reader
        self._look = look
        self._seen = ""
        self._changed = asyncio.Event()

    def saw(self, name: str) -> None:
        """The screen now shows `name`."""
        self._seen = name
        self._changed.set()

    async def see(self, *names: str) -> str:
        """Wait until the screen shows one of `names`; which one."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._seen not in names:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Unexpected(f"waited for {' or '.join(names)}, the screen shows {self._seen}") from None
        return self._seen

    async def tap(self, screen: Drawable, area: str) -> None:
        """Wait for `screen` and tap the middle of `area` on it."""
        await self.see(screen.name)
        left, top, right, bottom = screen.draw(self._look).areas[area]
        self.dock.touch((left + right) // 2, (top + bottom) // 2)
