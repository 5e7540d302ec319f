"""The terminal cannot be asked."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import bell
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class CannotCheck:
    """Sends the patient to reception."""

    name: ClassVar[str] = "cannot_check"

    def draw(self, look: Look) -> Drawn:
        page = Page(look)
        words = page.words
        tell(page, Message(bell, words("cannot_check.title"), words("cannot_check.lead"), words("cannot_check.hint")))
        return page.drawn()
