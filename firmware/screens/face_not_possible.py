"""The face cannot confirm the holder of this card."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from firmware.screens.drawn import Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import care
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class FaceNotPossible:
    """Says why, and the way on: the PIN, or reception."""

    reason: Literal["no_photo", "locked"]
    """The card bears no photo, an infant's say; or the number that opens it has been locked by wrong tries."""
    pin: bool

    name: ClassVar[str] = "face_not_possible"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True, reception=self.pin)
        way = "pin" if self.pin else "reception"
        message = Message(
            care,
            page.words(f"face_not_possible.title_{self.reason}"),
            page.words(f"face_not_possible.{way}_lead"),
            page.words(f"face_not_possible.hint_{self.reason}"),
            actions=[Action(way, page.words(f"face_not_possible.{way}"))],
        )
        tell(page, message)
        return page.drawn()
