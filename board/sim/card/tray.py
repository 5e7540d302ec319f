"""The hand at the virtual tray: client of `board.sim.card.server`."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board.sim.card.server import PATIENCE_S, TrayRefused

_RETRY_S = 0.01


@dataclass(frozen=True)
class TrayStatus:
    """What lies there."""

    card: str | None
    """Name of the card's folder."""
    commands: int
    """Commands it has answered since it was placed."""
    forbidden: int
    """How many of them touched what no reader has any business with."""
    busy_ms: float
    """What they took the card, from the arrival of each to its answer."""


class Tray:
    """Places and lifts cards. Methods raise TrayRefused, and OSError where no tray is served."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def served(self) -> None:
        """Return once a tray is served here, a process that has just been started. Raises TrayRefused after 10 s."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    try:
                        await self.status()
                        return
                    except OSError:
                        await asyncio.sleep(_RETRY_S)
        except TimeoutError:
            raise TrayRefused(f"no tray is served at {self._socket}") from None

    async def place(self, card: str, surface: bytes | None = None) -> TrayStatus:
        """Put a card, persona or folder, on the tray, perhaps with another EF 0002 (at most FILE_CAP bytes) that no
        file gets to hold; returns once the reader has it."""
        other = {} if surface is None else {"surface": b64encode(surface).decode()}
        return await self._order(do="place", card=card, **other)

    async def lift(self) -> TrayStatus:
        """Take the card away; the reader notices within 0.4 s."""
        return await self._order(do="lift")

    async def lift_after_bytes(self, count: int) -> TrayStatus:
        """Have the card leave instead of giving the answer that would complete `count` more bytes of data."""
        return await self._order(do="lift_after", bytes=count)

    async def lift_after_commands(self, count: int, ins: int | None = None) -> TrayStatus:
        """Have the card leave instead of answering the `count`th command from now, or the `count`th of one kind."""
        return await self._order(do="lift_after", commands=count, **({} if ins is None else {"ins": f"{ins:02X}"}))

    async def mute_after_commands(self, count: int) -> TrayStatus:
        """Have the card lie there without a word instead of answering the `count`th command from now, until lifted."""
        return await self._order(do="mute_after", commands=count)

    async def status(self) -> TrayStatus:
        """What lies there now."""
        return await self._order(do="status")

    async def _order(self, **order: Any) -> TrayStatus:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(json.dumps(order).encode() + b"\n")
            line = await asyncio.wait_for(reader.readline(), 2 * PATIENCE_S)
        except TimeoutError:
            raise TrayRefused("the tray does not answer") from None
        finally:
            writer.close()
        if not line:
            raise TrayRefused("the tray has gone")
        reply = json.loads(line)
        if not reply["ok"]:
            raise TrayRefused(reply["error"])
        return TrayStatus(reply["card"], reply["commands"], reply["forbidden"], reply["busy_ms"])
