"""The reader cannot serve anybody."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.icons import tool
from firmware.screens.look import Look
from firmware.screens.message import Message, tell
from firmware.screens.theme import BAND, INK, SMALL
from firmware.screens.typeset import typeset


@dataclass(frozen=True)
class OutOfOrder:
    """A line for the patient in both languages, the rest for a technician; nothing to touch."""

    code: str
    advice: str

    name: ClassVar[str] = "out_of_order"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, bare=True)
        words = page.words
        message = Message(
            tool, words("out_of_order.title"), words("out_of_order.lead"), words("out_of_order.other_language")
        )
        text = f"{words('out_of_order.technician')}  {words('out_of_order.code', code=self.code)}\n{self.advice}"
        lines = typeset(look, text, SMALL, page.body.width - 2 * page.gap, page.body.height // 2)
        staff = page.body.foot(lines.height + 2 * page.gap)
        page.canvas.panel(staff, BAND)
        page.canvas.write(lines, staff, INK, BAND)
        page.body = page.body.above(staff.height + page.gap)
        tell(page, message)
        return page.drawn()
