"""The PIN is locked."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import lock
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class PinLocked:
    """Says where it is unlocked, and the way on today."""

    face: bool
    """Whether the face is another way."""

    name: ClassVar[str] = "pin_locked"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True, reception=self.face)
        way = "face" if self.face else "reception"
        message = Message(
            lock,
            page.words("pin_locked.title"),
            page.words(f"pin_locked.{way}_lead"),
            page.words("pin_locked.hint"),
            actions=[Action(way, page.words(f"pin_locked.{way}"))],
        )
        tell(page, message)
        return page.drawn()
