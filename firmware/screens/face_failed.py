"""The face could not be confirmed."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import care
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class FaceFailed:
    """Offers what is left: another try, the PIN, or reception."""

    tries_left: int
    pin: bool

    name: ClassVar[str] = "face_failed"

    def draw(self, look: Look) -> Drawn:
        ways = [way for way, offered in (("again", self.tries_left > 0), ("pin", self.pin)) if offered]
        page = Page(look, PERSON, stop=True, reception=bool(ways))
        lead = "again_lead" if self.tries_left > 0 else "other_lead" if self.pin else "reception_lead"
        message = Message(
            care,
            page.words("face_failed.title"),
            page.words(f"face_failed.{lead}", tries_left=self.tries_left),
            actions=[Action(way, page.words(f"face_failed.{way}")) for way in ways or ["reception"]],
        )
        tell(page, message)
        return page.drawn()
