"""A question has been left alone."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import question
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class StillThere:
    """Continue, or stop."""

    name: ClassVar[str] = "still_there"

    def draw(self, look: Look) -> Drawn:
        page = Page(look)
        message = Message(
            question,
            page.words("still_there.title"),
            page.words("still_there.lead"),
            actions=[Action(way, page.words(f"still_there.{way}")) for way in ("continue", "stop")],
        )
        tell(page, message)
        return page.drawn()
