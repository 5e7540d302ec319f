"""The card was taken away too early."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import place
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class CardLifted:
    """The visit has ended; placing the card begins a new one."""

    name: ClassVar[str] = "card_lifted"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD)
        words = page.words
        tell(page, Message(place, words("card_lifted.title"), words("card_lifted.lead"), words("card_lifted.hint")))
        return page.drawn()
