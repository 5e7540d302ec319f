"""The code by which staff see that reader and terminal are connected to each other, and to nobody between."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Drawn
from firmware.screens.frame import Page
from firmware.screens.look import Look
from firmware.screens.theme import ANSWER, HINT, PAPER, QUESTION, SMALL, SOFT_INK, Style
from firmware.screens.typeset import typeset

CODE = Style("answer", 20.0, 7.0, bold=True, leading=1.2)
_BUTTON = 16.0
_WIDE = 120.0


@dataclass(frozen=True)
class PairingCode:
    """Asks staff to type the code at the terminal, and to touch "confirm" once the terminal says that it is right."""

    code: str
    """Six digits."""
    device: str
    """Serial number of the reader."""

    name: ClassVar[str] = "pairing_code"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, reception=False)
        words, gap = page.words, page.gap
        rest = page.heading(words("pairing_code.title"), QUESTION, page.body, page.body.height // 3).below(gap)
        buttons = rest.foot(look.px(_BUTTON))
        texts = {area: words(f"pairing_code.{area}") for area in ("stop", "confirm")}
        page.choices(texts, buttons.columns(2, 2 * gap), ANSWER)
        rest = rest.above(buttons.height + gap)
        for text, style in (
            (words("pair_reader.device", device=self.device), SMALL),
            (words("pairing_code.hint"), HINT),
        ):
            block = typeset(look, text, style, rest.width)
            page.canvas.write(block, rest.foot(block.height), SOFT_INK, PAPER)
            rest = rest.above(block.height + gap // 2)
        grouped = f"{self.code[:3]} {self.code[3:]}"
        page.note(rest.middle(min(rest.width, look.px(_WIDE)), rest.height), grouped, CODE)
        return page.drawn()
