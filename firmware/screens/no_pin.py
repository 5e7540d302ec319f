"""A card without a PIN (顔認証マイナンバーカード): the face is its only way."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import care, face_in
from firmware.screens.look import Look
from firmware.screens.message import Action, Message, tell
from firmware.screens.theme import TEAL, WHITE


@dataclass(frozen=True)
class NoPin:
    """In place of the choice between two ways."""

    face: bool
    """Whether this reader can look at faces now; else the reception confirms the patient."""

    name: ClassVar[str] = "no_pin"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True, reception=self.face)
        way = "face" if self.face else "reception"
        message = Message(
            face_in(TEAL, WHITE) if self.face else care,
            page.words(f"no_pin.{way}_title"),
            page.words(f"no_pin.{way}_lead"),
            page.words("no_pin.hint"),
            actions=[Action(way, page.words(f"no_pin.{way}"))],
        )
        tell(page, message)
        return page.drawn()
