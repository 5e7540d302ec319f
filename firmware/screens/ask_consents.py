"""May this clinic see your past records?"""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.consent_item import ConsentItem
from firmware.screens.drawn import Box, Drawn
from firmware.screens.frame import CONSENT, Page
from firmware.screens.look import Look
from firmware.screens.theme import ACTION, ANSWER, GOOD, GOOD_TINT, HINT, INK, QUESTION, SOFT_INK, TINT
from firmware.screens.typeset import typeset

_ANSWERS = ("agree_all", "choose", "agree_none")
_ANSWER = 25.0


@dataclass(frozen=True)
class AskConsents:
    """All at once, one by one, or not at all: three answers of the same size and weight, none chosen beforehand."""

    items: tuple[ConsentItem, ...]

    name: ClassVar[str] = "ask_consents"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CONSENT, stop=True)
        rest = page.heading(page.words("ask_consents.title"), QUESTION, page.body, page.body.height * 36 // 100)
        answers = rest.foot(look.px(_ANSWER))
        for answer, place in zip(_ANSWERS, answers.columns(len(_ANSWERS), page.gap), strict=True):
            hint = None if look.large else page.words(f"ask_consents.{answer}_hint")
            page.button(answer, place, page.words(f"ask_consents.{answer}"), ANSWER, hint=hint)
        between = rest.below(page.gap // 2).above(answers.height + page.gap)
        free = typeset(look, page.words("ask_consents.free"), ACTION, between.width - 2 * page.gap)
        note = between.foot(free.height + look.px(3))
        page.note(note, page.words("ask_consents.free"), ACTION, GOOD, GOOD_TINT)
        self._items(page, between.above(note.height + page.gap))
        return page.drawn()

    def _items(self, page: Page, row: Box) -> None:
        for item, box in zip(self.items, row.columns(len(self.items), page.gap), strict=True):
            page.canvas.panel(box, TINT)
            inner = box.inset(page.gap // 2, page.look.px(1))
            extent = typeset(page.look, item.extent(page.words), HINT, inner.width)
            title = typeset(page.look, item.title(page.words), ANSWER, inner.width, inner.height - extent.height)
            pair = inner.middle(inner.width, title.height + extent.height)
            page.canvas.write(title, pair.strip(title.height), INK, TINT)
            page.canvas.write(extent, pair.foot(extent.height), SOFT_INK, TINT)
