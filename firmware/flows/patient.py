"""The patient before the screen: what is shown, what is touched, how long we wait.

Some buttons work on every screen, whatever the visit is doing: language, size of the text, call reception, stop.
The rest answer the question that is being asked; touches while nothing is asked mean nothing.

An external keypad reaches everything that a finger does: its digits are the PIN's, its other keys move a frame from
choice to choice and take the one inside it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from board.contracts import Display, Key, Keypad, Point, Touch
from firmware.flows.host import Host
from firmware.flows.pipe import PipeBroken
from firmware.screens.drawn import Drawn, Screen
from firmware.screens.focus import framed, order
from firmware.screens.look import Look
from firmware.screens.reception_called import ReceptionCalled
from firmware.screens.still_there import StillThere

KEYS_AHEAD = 16
"""Keys that may wait to be looked at; more than a hand meant are not taken."""


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
    """Shows screens and waits for touches, in the language and size the patient chose.

    A finger or a key counts for the picture it was meant for: one that came down before a new question was on the
    screen, or within `Patience.settle` after that, is ignored, however late it is looked at.
    """

    def __init__(
        self,
        display: Display,
        touch: Touch,
        keypad: Keypad,
        host: Host,
        look: Look,
        patience: Patience = Patience(),
    ) -> None:
        self._display = display
        self._touch = touch
        self._keypad = keypad
        self._host = host
        self._look = look
        self._patience = patience
        self._screen: Screen | None = None
        self._over: Screen | None = None  # lies over the visit's own screen: "continue?", "reception is called"
        self._drawn: Drawn | None = None
        self._painting = asyncio.Lock()
        self._settled_at = 0.0
        self._inputs: asyncio.Queue[tuple[float, Point | Key]] = asyncio.Queue()  # as they came down
        self._focus: str | None = None  # the area in the keypad's frame
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._asking = False
        self._calling: asyncio.Task[None] | None = None
        self._quiet_since = time.monotonic()
        self.thought_ms = 0.0
        """How long the patient has taken over answers, in all."""
        self.on_leave: Callable[[str], None] = lambda reason: None
        """Called when the patient stops ("stopped") or has gone ("idle")."""

    async def show(self, screen: Screen) -> None:
        """Put a screen up; it asks nothing yet. The same screen again, a camera's next picture say, is no new one."""
        await self._put_up(screen, new=self._screen is None or screen.name != self._screen.name)

    async def tell(self, screen: Screen) -> None:
        """Put the visit's last word up, whatever lies over it."""
        self._over = None
        await self._put_up(screen, new=True)

    async def ask(self, screen: Screen, *, same_question: bool = False) -> str:
        """Put a screen up and return the name of the area that is touched.

        `same_question`: no new one, but the next digit of a PIN; fingers that were faster than the picture count.
        """
        await self._put_up(screen, new=not same_question)
        return await self.choice()

    async def choice(self) -> str:
        """The next area touched on the screen that is up."""
        self._asking = True
        self._quiet_since = since = time.monotonic()
        try:
            return await self._answers.get()
        finally:
            self._asking = False
            self.thought_ms += (time.monotonic() - since) * 1000

    async def run(self) -> None:
        """Follow finger and keypad until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feel(self._touch))
            tasks.create_task(self._feel(self._keypad))
            tasks.create_task(self._judge())

    async def _feel(self, part: Touch | Keypad) -> None:
        """Note when each finger or key comes down, whatever else is going on."""
        while True:
            given = await part.next()
            if isinstance(given, Point) or self._inputs.qsize() < KEYS_AHEAD:
                self._inputs.put_nowait((time.monotonic(), given))

    async def _judge(self) -> None:
        """Do what each of them asks for."""
        while True:
            try:
                came_at, given = await asyncio.wait_for(self._inputs.get(), self._patience.tick)
            except TimeoutError:
                if self._left_alone():
                    await self._nobody_touches()
                continue
            self._quiet_since = time.monotonic()
            async with self._painting:  # a picture on its way to the panel arrives first
                drawn = self._drawn if came_at >= self._settled_at else None
            if drawn is None:
                continue
            area = drawn.hit(*given) if isinstance(given, Point) else await self._key(given, drawn)
            if area is not None:
                await self._obey(area)

    async def _key(self, key: Key, drawn: Drawn) -> str | None:
        """The area that a key takes on the screen, or None where it only moves the frame."""
        if key.isdigit() or key is Key.ERASE:
            return key.value if key.value in drawn.areas else None
        if key is Key.ENTER:  # takes what is in the frame, and nothing that the patient has not moved to
            return self._focus or ("next" if "next" in drawn.areas else None)
        areas = order(drawn)
        if not areas:
            return None
        if self._focus is None:
            at = -1 if key is Key.BACKWARD else 0
        else:
            at = areas.index(self._focus) + (-1 if key is Key.BACKWARD else 1)
        self._focus = areas[at % len(areas)]
        await self._paint(new=False)
        return None

    async def _obey(self, area: str) -> None:
        match area:
            case "language":
                self._look = replace(self._look, language="en" if self._look.language == "ja" else "ja")
                await self._paint(new=True)
            case "text_size":
                self._look = replace(self._look, large=not self._look.large)
                await self._paint(new=True)
            case "reception":
                if self._calling is None or self._calling.done():
                    self._calling = asyncio.create_task(self._call_reception())
            case "stop":
                await self._put_over(None)
                self.on_leave("stopped")
            case "continue" if self._over is not None:
                await self._put_over(None)
            case _ if self._over is None:
                self._answers.put_nowait(area)

    async def _call_reception(self) -> None:
        with contextlib.suppress(PipeBroken):  # the reader is stopping
            await self._put_over(ReceptionCalled(reached=await self._host.call_reception()))

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

    async def _put_up(self, screen: Screen, *, new: bool) -> None:
        if new:
            self._focus = None
        self._screen = screen
        if self._over is None:
            await self._paint(new=new)

    async def _put_over(self, screen: Screen | None) -> None:
        self._over, self._focus = screen, None
        self._quiet_since = time.monotonic()
        await self._paint(new=True)

    async def _paint(self, *, new: bool) -> None:
        # Never left halfway: the panel would take the next picture for the rest of this one.
        await asyncio.shield(self._paint_whole(new))

    async def _paint_whole(self, new: bool) -> None:
        async with self._painting:
            screen = self._over or self._screen
            if screen is None:
                return
            self._drawn = screen.draw(self._look)
            if self._focus not in self._drawn.areas:
                self._focus = None
            if self._focus is not None:
                self._drawn = framed(self._drawn, self._focus, self._look)
            if new:
                self._settled_at = time.monotonic() + self._patience.settle
                while not self._answers.empty():
                    self._answers.get_nowait()
            await self._display.show(self._drawn.image, screen.name)
