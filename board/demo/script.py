"""A scripted patient: places cards, stands before the camera, taps the screen at coordinates, waits to be served."""

import asyncio
from collections.abc import Callable, Sequence

from board.contracts import Frame
from board.demo.cards import Cards
from board.demo.program_log import Event, ProgramLog
from board.demo.stage import Stage
from firmware.screens.drawn import Screen
from firmware.screens.look import Look

PATIENCE_S = 20.0
DEAD_ENDS = frozenset(
    {
        *("card_problem", "turn_card", "cannot_check", "out_of_order"),
        *("face_failed", "face_not_possible", "pin_locked", "no_pin"),
    }
)
"""Screens that do not pass by themselves: a script that waits for another one there has been refused."""
REACTION_S = 0.4
"""Between seeing a new question and touching it; the reader ignores a finger that is faster."""


class Unexpected(Exception):
    """The reader did not do what the script waited for."""


class Script:
    """Hands and eyes of a scripted patient."""

    def __init__(self, stage: Stage[Cards], look: Look) -> None:
        self.stage = stage
        self._look = look
        self._seen = ""
        self._shown = 0
        self._changed = asyncio.Event()

    def saw(self, name: str) -> None:
        """The screen now shows `name`."""
        self._seen = name
        self._shown += 1
        self._changed.set()

    async def see(self, name: str) -> None:
        """Wait until the screen shows `name`. Raises Unexpected, at once where it never will."""
        await self._until(lambda: self._seen in DEAD_ENDS | {name}, f"screen {name}")
        if self._seen != name:
            raise Unexpected(f"waited for: screen {name}; the screen shows {self._seen}")

    async def tap(self, screen: Screen, area: str) -> None:
        """Wait for `screen` and tap the middle of `area`."""
        await self.see(screen.name)
        await asyncio.sleep(REACTION_S)
        await self._touch(screen, area)

    async def type(self, pad: Screen, keys: Sequence[str]) -> None:
        """Wait for `pad` and tap key after key."""
        await self.see(pad.name)
        await asyncio.sleep(REACTION_S)
        for key in keys:
            await self._touch(pad, key)

    def show_to_camera(self, frame: Frame) -> None:
        """Somebody, or nobody, stands before the camera."""
        self.stage.dock.sees = frame

    async def stand_for_frames(self, frame: Frame, count: int, then: Frame) -> None:
        """Stand before the camera while it takes `count` frames, then leave `then` behind."""
        until = self.stage.dock.frames + count
        self.show_to_camera(frame)
        await self._until(lambda: self.stage.dock.frames >= until, f"{count} frames taken")
        self.show_to_camera(then)

    async def place(self, persona: str) -> None:
        """Lay a card on the tray."""
        await self.see("place_card")
        self.stage.dock.number_b = await self.stage.cards.place(persona)

    async def leave(self) -> None:
        """Take the card, if it is there, and let the reader come to its next patient. Raises Unexpected."""
        await self.lift()
        await self._until(lambda: self._seen == "place_card", "screen place_card")

    async def lift(self) -> None:
        """Take the card away."""
        await self.stage.cards.lift()
        self.stage.dock.number_b = None

    async def event(self, log: ProgramLog, name: str, since: int) -> Event:
        """Wait for an event of a program. Raises Unexpected."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await log.wait(name, since)
        except TimeoutError:
            raise Unexpected(f"waited for the event {name}") from None

    async def _touch(self, screen: Screen, area: str) -> None:
        """Tap, and see the reader answer with another picture."""
        shown = self._shown
        self.stage.dock.touch(*screen.draw(self._look).areas[area].centre)
        await self._until(lambda: self._shown > shown, f"an answer to {area} on {screen.name}")

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not happened():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Unexpected(f"waited for: {what}; the screen shows {self._seen}") from None
