"""Reception has been called."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import bell, care
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell


@dataclass(frozen=True)
class ReceptionCalled:
    """Says whether the call arrived, and leads back."""

    reached: bool

    name: ClassVar[str] = "reception_called"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, reception=False)
        back = Action("continue", page.words("reception_called.continue"))
        call = Action("reception", page.words("reception_called.again"))
        kind = "" if self.reached else "missed_"
        message = Message(
            bell if self.reached else care,
            page.words(f"reception_called.{kind}title"),
            page.words(f"reception_called.{kind}lead"),
            actions=[back] if self.reached else [call, back],
        )
        tell(page, message)
        return page.drawn()
