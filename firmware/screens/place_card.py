"""Nobody is being served: place your card."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import place
from firmware.screens.look import Look
from firmware.screens.theme import DARK_TEAL, HINT, LEAD, PAPER, QUESTION, SMALL, SOFT_INK, TITLE
from firmware.screens.typeset import typeset


@dataclass(frozen=True)
class PlaceCard:
    """Shown between patients."""

    name: ClassVar[str] = "place_card"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD)
        title, lead, remark = (QUESTION, HINT, SMALL) if look.large else (TITLE, LEAD, HINT)
        rest = page.heading(page.words("place_card.title"), title, page.body, page.body.height // 2)
        hint = typeset(look, page.words("place_card.hint"), lead, rest.width)
        page.canvas.write(hint, rest.strip(hint.height), DARK_TEAL, PAPER)
        no_card = typeset(look, page.words("place_card.no_card"), remark, rest.width)
        page.canvas.write(no_card, rest.foot(no_card.height), SOFT_INK, PAPER)
        room = rest.below(hint.height + page.gap).above(no_card.height + page.gap)
        side = min(room.height, look.px(50))
        place(page.canvas, room.middle(side, side))
        return page.drawn()
