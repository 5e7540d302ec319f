"""The terminal is being asked."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CHECK, Page
from firmware.screens.icons import wait
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class Checking:
    """The card may stay; nothing is asked of the patient."""

    name: ClassVar[str] = "checking"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CHECK)
        tell(page, Message(wait, page.words("checking.title"), page.words("checking.lead")))
        return page.drawn()
