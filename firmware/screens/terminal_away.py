"""Nobody can be served, because the terminal is not connected."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import cable
from firmware.screens.look import Look
from firmware.screens.message import Message, tell


@dataclass(frozen=True)
class TerminalAway:
    """Shown between patients, in place of the wish for a card; it goes by itself."""

    name: ClassVar[str] = "terminal_away"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, reception=False)  # nobody there would hear the call
        words = page.words
        message = Message(
            cable,
            words("terminal_away.title"),
            words("terminal_away.lead"),
            words("terminal_away.hint"),
            words("terminal_away.staff"),
        )
        tell(page, message)
        return page.drawn()
