"""The printed side of the card cannot be seen."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import place
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class TurnCard:
    """The visit has ended; placing the card with its photo up begins a new one."""

    name: ClassVar[str] = "turn_card"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD)
        words = page.words
        tell(page, Message(place, words("turn_card.title"), words("turn_card.lead"), words("turn_card.hint")))
        return page.drawn()
