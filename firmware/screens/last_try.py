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
    """Asked before the PIN is; nothing has been sent to the card yet."""

    face: bool
    """Whether the face is another way."""

    name: ClassVar[str] = "last_try"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True)
        ways = ["face", "pin"] if self.face else ["pin"]
        message = Message(
            care,
            page.words("last_try.title"),
            page.words("last_try.lead"),
            page.words("last_try.hint"),
            colour=CARE,
            actions=[Action(way, page.words(f"last_try.{way}")) for way in ways],
        )
        tell(page, message)
        return page.drawn()
