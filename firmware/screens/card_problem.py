"""This card cannot be used, or not read."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CARD, Page
from firmware.screens.icons import care
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class CardProblem:
    """What to do, then the code of the official readers, small."""

    code: Literal["001", "002", "006"]
    """001 not readable, 002 not a My Number Card, 006 certificate revoked or expired."""
    expired: bool = False
    """With 006: it has expired, and was not revoked."""

    name: ClassVar[str] = "card_problem"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CARD)
        message = Message(
            care,
            page.words("card_problem.title_expired" if self.expired else f"card_problem.title_{self.code}"),
            page.words(f"card_problem.lead_{self.code}"),
            page.words(f"card_problem.hint_{self.code}"),
            page.words("card_problem.code", code=self.code),
        )
        tell(page, message)
        return page.drawn()
