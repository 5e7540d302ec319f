"""The terminal takes longer than usual."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import CHECK, Page
from firmware.screens.icons import wait
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class WaitingForTerminal:
    """The patient has done all that is needed; the answer of the terminal is missing."""

    name: ClassVar[str] = "waiting_for_terminal"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CHECK)
        words = page.words
        message = Message(
            wait,
            words("waiting_for_terminal.title"),
            words("waiting_for_terminal.lead"),
            words("waiting_for_terminal.hint"),
        )
        tell(page, message)
        return page.drawn()
