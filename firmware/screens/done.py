"""The visit is finished."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import FINISHED, Page
from firmware.screens.icons import bell, done
from firmware.screens.look import Look
from firmware.screens.message import Message, tell
from firmware.screens.theme import GOOD, TEAL


@dataclass(frozen=True)
class Done:
    """The last screen of a visit that went well."""

    reception: bool
    """Whether reception has to settle something about the insurance; why is never shown."""

    name: ClassVar[str] = "done"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, FINISHED)
        kind = "reception_" if self.reception else ""
        message = Message(
            bell if self.reception else done,
            page.words(f"done.{kind}title"),
            page.words(f"done.{kind}lead"),
            page.words(f"done.{kind}hint"),
            colour=TEAL if self.reception else GOOD,
        )
        tell(page, message)
        return page.drawn()
