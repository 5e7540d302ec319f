"""The card is being read."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import card
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class ReadingCard:
    """Asks the patient to leave the card where it is."""

    name: ClassVar[str] = "reading_card"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD, stop=True)
        tell(page, Message(card, page.words("reading_card.title"), page.words("reading_card.lead")))
        return page.drawn()
