"""The card is still there."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import take
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class CardForgotten:
    """Asks for the card to be taken."""

    name: ClassVar[str] = "card_forgotten"

    def draw(self, look: Look) -> Drawn:
        page = Page(look)
        tell(page, Message(take, page.words("card_forgotten.title"), page.words("card_forgotten.lead")))
        return page.drawn()
