"""How shall we confirm it is you?"""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Box, Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.icons import Icon, face_in, pin
from firmware.screens.look import Look
from firmware.screens.theme import ANSWER, HINT, PAPER, QUESTION, SOFT_INK, TEAL, WHITE, Style
from firmware.screens.typeset import typeset

_CHOICE = 62.0


@dataclass(frozen=True)
class ChooseMethod:
    """Two ways of the same weight; a way that this card or reader does not have is not offered."""

    pin: bool
    face: bool

    name: ClassVar[str] = "choose_method"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True)
        ways: list[tuple[str, Icon]] = []
        if self.face:
            ways.append(("face", face_in(TEAL, WHITE)))
        if self.pin:
            ways.append(("pin", pin))
        title = "title" if len(ways) == 2 else "only_title"
        rest = page.heading(page.words(f"choose_method.{title}"), QUESTION, page.body, page.body.height * 2 // 5)
        if len(ways) == 2:
            change = typeset(look, page.words("choose_method.change"), HINT, rest.width)
            page.canvas.write(change, rest.foot(change.height), SOFT_INK, PAPER)
            rest = rest.above(change.height)
        space = 2 * page.gap
        width = (rest.width - space) // 2
        row = rest.inset(0, page.gap)
        row = row.middle(width * len(ways) + space * (len(ways) - 1), min(row.height, look.px(_CHOICE)))
        for (way, icon), box in zip(ways, row.columns(len(ways), space), strict=True):
            self._way(page, way, icon, box)
        return page.drawn()

    def _way(self, page: Page, way: str, icon: Icon, box: Box) -> None:
        page.canvas.panel(box, WHITE, TEAL, page.edge)
        page.areas[way] = box
        inner = box.inset(page.gap, page.gap)
        rows: list[tuple[str, Style, str]] = [(page.words(f"choose_method.{way}"), ANSWER, TEAL)]
        if not page.look.large:
            rows.append((page.words(f"choose_method.{way}_hint"), HINT, SOFT_INK))
        blocks = [(typeset(page.look, text, style, inner.width), colour) for text, style, colour in rows]
        side = min(page.look.px(26), inner.height - sum(block.height for block, _ in blocks) - page.gap)
        group = inner.middle(inner.width, side + page.gap + sum(block.height for block, _ in blocks))
        icon(page.canvas, group.strip(side).middle(side, side))
        group = group.below(side + page.gap)
        for block, colour in blocks:
            page.canvas.write(block, group.strip(block.height), colour, WHITE)
            group = group.below(block.height)
