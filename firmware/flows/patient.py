"""The patient before the screen: what is shown, what is touched, how long we wait.

Some buttons work on every screen, whatever the visit is doing: language, size of the text, call reception, stop.
The rest answer the question that is being asked; touches while nothing is asked mean nothing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from board.contracts import Display, Point, Touch
from firmware.flows.host import Host
from firmware.screens.drawn import Drawn, Screen
from firmware.screens.look import Look
from firmware.screens.reception_called import ReceptionCalled
from firmware.screens.still_there import StillThere


@dataclass(frozen=True)
class Patience:
    """How long the reader waits for a patient, in seconds."""

    idle: float = 60.0
    """A question left alone for so long is followed by "continue?"."""
    give_up: float = 30.0
    """And that one, left alone, by the end of the visit."""
    tick: float = 1.0
    """How often it looks."""
    settle: float = 0.25
    """A finger this soon after a new question was meant for the last one."""


class Patient:
    """Shows screens and waits for touches, in the language and size the patient chose."""

    def __init__(self, display: Display, touch: Touch, host: Host, look: Look, patience: Patience = Patience()) -> None:
        self._display = display
        self._touch = touch
        self._host = host
        self._look = look
        self._patience = patience
        self._screen: Screen | None = None
        self._over: Screen | None = None  # lies over the visit's own screen: "continue?", "reception is called"
        self._drawn: Drawn | None = None
        self._painting = asyncio.Lock()
        self._touched: asyncio.Queue[str] = asyncio.Queue()
        self._asking = False
        self.thought_ms = 0.0
        """How long the patient has taken over answers, in all."""
        self._quiet_since = time.monotonic()
        self._settled_at = 0.0
        self._new_question = False
        self.on_leave: Callable[[str], None] = lambda reason: None
        """Called when the patient stops ("stopped") or has gone ("idle")."""

    async def show(self, screen: Screen) -> None:
        """Put a screen up; it asks nothing."""
        self._screen = screen
        if self._over is None:
            await self._paint()

    async def tell(self, screen: Screen) -> None:
        """Put the visit's last word up, whatever lies over it."""
        self._over = None
        await self.show(screen)

    async def ask(self, screen: Screen, *, same_question: bool = False) -> str:
        """Put a screen up and return the name of the area that is touched.

        Fingers of before, and within `Patience.settle`, do not count; `same_question` says that this is no new
        question (the next digit of a PIN), so that they do.
        """
        self._new_question = not same_question
        await self.show(screen)
        return await self._next_answer()

    async def choice(self) -> str:
        """The next area touched on the screen that is up, which is a new question from now on."""
        self._begin_question()
        return await self._next_answer()

    def _begin_question(self) -> None:
        self._new_question = False
        self._settled_at = time.monotonic() + self._patience.settle
        self._touched = asyncio.Queue()

    async def _next_answer(self) -> str:
        self._asking = True
        self._quiet_since = since = time.monotonic()
        try:
            return await self._touched.get()
        finally:
            self._asking = False
            self.thought_ms += (time.monotonic() - since) * 1000

    async def run(self) -> None:
        """Follow the finger until cancelled."""
        while True:
            point = await self._next_touch()
            if point is None:
                await self._nobody_touches()
                continue
            async with self._painting:  # a finger on a picture that is still on its way to the panel waits for it
                area = self._drawn.hit(point.x, point.y) if self._drawn else None
            match area:
                case "language":
                    self._look = replace(self._look, language="en" if self._look.language == "ja" else "ja")
                    await self._paint()
                case "text_size":
                    self._look = replace(self._look, large=not self._look.large)
                    await self._paint()
                case "reception":
                    await self._put_over(ReceptionCalled(reached=await self._host.call_reception()))
                case "stop":
                    await self._put_over(None)
                    self.on_leave("stopped")
                case "continue" if self._over is not None:
                    await self._put_over(None)
                case str() if self._over is None and time.monotonic() >= self._settled_at:
                    self._touched.put_nowait(area)

    async def _next_touch(self) -> Point | None:
        """The next touch, or None when a question has been left alone for too long."""
        while True:
            try:
                point = await asyncio.wait_for(self._touch.next(), self._patience.tick)
            except TimeoutError:
                if self._left_alone():
                    return None
            else:
                self._quiet_since = time.monotonic()
                return point

    def _left_alone(self) -> bool:
        quiet_s = time.monotonic() - self._quiet_since
        if isinstance(self._over, StillThere):
            return quiet_s > self._patience.give_up
        return (self._asking or self._over is not None) and quiet_s > self._patience.idle

    async def _nobody_touches(self) -> None:
        if isinstance(self._over, StillThere):
            await self._put_over(None)
            self.on_leave("idle")
        else:
            await self._put_over(StillThere() if self._asking else None)

    async def _put_over(self, screen: Screen | None) -> None:
        self._over = screen
        self._quiet_since = time.monotonic()
        await self._paint()

    async def _paint(self) -> None:
        # Never left halfway: the panel would take the next picture for the rest of this one.
        await asyncio.shield(self._paint_whole())

    async def _paint_whole(self) -> None:
        async with self._painting:
            screen = self._over or self._screen
            if screen is not None:
                self._drawn = screen.draw(self._look)
                await self._display.show(self._drawn.image, screen.name)
            if self._new_question and self._over is None:
                self._begin_question()
