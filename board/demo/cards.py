"""The cards that the demo's patients hold."""

import asyncio
import json
import shlex
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from board.sim.card.tray import Tray
from board.sim.pcscd import PcscDaemon

FACE_CARD, PIN_CARD, PIN = "adult", "pin_person", "4321"
EMPTY_S = 0.8
"""pcscd looks at vpcd every 0.4 s, and does not see the next card if it comes before it has seen the last one go."""


class Cards(Protocol):
    """Places a patient's card on the tray and takes it away."""

    async def place(self, persona: str) -> str:
        """Lay the card of `persona` down; its number B, which is printed on it. Raises TrayRefused, OSError."""

    async def lift(self) -> None:
        """Take away the card that lies there, if one does. Raises TrayRefused, OSError."""


class IssuedCards:
    """Cards of `board.sim.card`, from the folder they were issued into."""

    def __init__(self, tray: Tray, folder: Path) -> None:
        self.tray = tray
        self.folder = folder

    async def place(self, persona: str, surface: bytes | None = None) -> str:
        """As `Cards.place`; `surface`: see `Tray.place`."""
        folder = self.folder / persona
        await self.tray.place(str(folder), surface)
        return str(json.loads((folder / "card.json").read_text("utf-8"))["number_b"])

    async def lift(self) -> None:
        await self.tray.lift()


@dataclass(frozen=True)
class OtherCard:
    """A virtual card that is no part of this project: a program that attaches to vpcd on 127.0.0.1."""

    command: str
    number_b: str
    pin: str
    authority: Path | None
    """Folder with its issuer's jpki_ca.pem and cv_ca.json; without one no card of its issuer is trusted."""


class OtherCards:
    """The same card for every patient: laid down by starting its program, lifted by ending it."""

    def __init__(self, daemon: PcscDaemon, card: OtherCard) -> None:
        self._daemon = daemon
        self._card = card
        self._program: Process | None = None

    async def place(self, persona: str) -> str:
        await asyncio.sleep(EMPTY_S)
        self._program = await self._daemon.start_card(shlex.split(self._card.command))
        return self._card.number_b

    async def lift(self) -> None:
        if self._program is not None and self._program.returncode is None:
            self._program.terminate()
            await self._program.wait()
