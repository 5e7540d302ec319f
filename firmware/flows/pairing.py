"""A reader that is not paired: staff bring it and a terminal together, by a code that both show."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from board.contracts import Display, HostPort, KeyStore, Point, Touch
from firmware.flows.events import EventLog
from firmware.link.enrolment import Comparing, Enrolment, Failed, News, Paired
from firmware.link.journal import Journal
from firmware.link.pump import Pump, now_ms
from firmware.screens.drawn import Screen
from firmware.screens.look import Look
from firmware.screens.pair_reader import PairReader
from firmware.screens.pairing_code import PairingCode

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

SETTLE_S = 0.25
"""A finger this soon after a new screen was meant for the last one."""


class PairingDesk:
    """Screen and panel, for whoever pairs the reader."""

    def __init__(self, display: Display, touch: Touch, look: Look) -> None:
        self._display = display
        self._touch = touch
        self._look = look

    async def be_paired(self, port: HostPort, keys: KeyStore, journal: Journal, codec: "Codec", log: EventLog) -> None:
        """Return once a terminal has given the reader its identity, however long that takes and however often it
        fails. The port is closed then."""
        happened: asyncio.Queue[tuple[float, News | Point]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def hear(news: News) -> None:
            loop.call_soon_threadsafe(happened.put_nowait, (time.monotonic(), news))

        enrolment = Enrolment(keys, journal, codec, os.urandom, hear)
        pump = Pump(port, enrolment)
        screen: Screen = PairReader(keys.device_id)
        async with _running(pump), _feeling(self._touch, happened):
            while True:
                shown_at = await self._show(screen)
                match await happened.get():
                    case _, Comparing(code):
                        screen = PairingCode(code, keys.device_id)
                        log.write("pairing_code_shown")
                    case _, Failed(reason):
                        screen = PairReader(keys.device_id, failed=True)
                        log.write("pairing_failed", reason=reason)
                    case _, Paired(bridge):
                        log.write("paired", bridge=bridge)
                        return
                    case came_at, Point() as point if came_at >= shown_at + SETTLE_S:
                        self._obey(screen.draw(self._look).hit(*point), pump, enrolment)

    def _obey(self, area: str | None, pump: Pump, enrolment: Enrolment) -> None:
        match area:
            case "language":
                self._look = replace(self._look, language="en" if self._look.language == "ja" else "ja")
            case "text_size":
                self._look = replace(self._look, large=not self._look.large)
            case "confirm":
                pump.call(lambda: enrolment.confirm(now_ms()))
            case "stop":
                pump.call(lambda: enrolment.stop(now_ms()))

    async def _show(self, screen: Screen) -> float:
        """When it was up."""
        await self._display.show(screen.draw(self._look).image, screen.name)
        return time.monotonic()


@contextlib.asynccontextmanager
async def _running(pump: Pump) -> AsyncIterator[None]:
    pump.start()
    try:
        yield
    finally:
        await asyncio.to_thread(pump.stop)


@contextlib.asynccontextmanager
async def _feeling(touch: Touch, happened: asyncio.Queue[tuple[float, News | Point]]) -> AsyncIterator[None]:
    async def feel() -> None:
        while True:
            point = await touch.next()
            happened.put_nowait((time.monotonic(), point))

    feeling = asyncio.create_task(feel())
    try:
        yield
    finally:
        feeling.cancel()
