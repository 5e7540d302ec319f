"""One more wrong PIN would lock the card's PIN."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import care
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell
from firmware.screens.theme import CARE


@dataclass(frozen=True)
class LastTry:
    """Asked before the pad for that PIN is shown."""

    face: bool
    """Whether the face is another way."""
    wrong: bool = False
    """Whether a wrong PIN has just been entered."""

    name: ClassVar[str] = "last_try"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True)
        ways = ["face", "pin"] if self.face else ["pin"]
        message = Message(
            care,
            page.words("last_try.title"),
            page.words("last_try.wrong_lead" if self.wrong else "last_try.lead"),
            page.words("last_try.hint"),
            colour=CARE,
            actions=[Action(way, page.words(f"last_try.{way}")) for way in ways],
        )
        tell(page, message)
        return page.drawn()
