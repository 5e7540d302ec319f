"""May this clinic see your past records?"""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.consent_item import ConsentItem
from firmware.screens.consent_note import HEIGHT, consent_note
from firmware.screens.drawn import Box, Drawn
from firmware.screens.frame import CONSENT, Page
from firmware.screens.look import Look
from firmware.screens.theme import ACTION, ANSWER, HINT, INK, QUESTION, SOFT_INK, TINT
from firmware.screens.typeset import typeset

_ANSWERS = ("agree_all", "choose", "agree_none")
_ANSWER = 25.0
_ANSWER_LARGE = 22.0


@dataclass(frozen=True)
class AskConsents:
    """All at once, one by one, or not at all: three answers of the same size and weight, none chosen beforehand."""

    items: tuple[ConsentItem, ...]

    name: ClassVar[str] = "ask_consents"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CONSENT, stop=True)
        rest = page.heading(page.words("ask_consents.title"), QUESTION, page.body, page.body.height * 31 // 100)
        answers = rest.foot(look.px(_ANSWER_LARGE if look.large else _ANSWER))
        hints = None if look.large else {answer: page.words(f"ask_consents.{answer}_hint") for answer in _ANSWERS}
        texts = {answer: page.words(f"ask_consents.{answer}") for answer in _ANSWERS}
        page.choices(texts, answers.columns(len(_ANSWERS), page.gap), ANSWER, hints)
        between = rest.above(answers.height + page.gap)
        note = between.foot(look.px(HEIGHT))
        consent_note(page, note)
        between = between.above(note.height + page.gap)
        if look.large:
            self._one_line(page, between.below(page.gap // 2))
        else:
            self._items(page, between.below(page.gap))
        return page.drawn()

    def _one_line(self, page: Page, box: Box) -> None:
        """Large type has no room for tiles."""
        page.note(box, page.words("consent.and").join(item.whole(page.words) for item in self.items), ACTION, INK, TINT)

    def _items(self, page: Page, row: Box) -> None:
        for item, box in zip(self.items, row.columns(len(self.items), page.gap), strict=True):
            page.canvas.panel(box, TINT)
            inner = box.inset(page.gap // 2, page.look.px(1))
            extent = typeset(page.look, item.extent(page.words), HINT, inner.width)
            title = typeset(page.look, item.title(page.words), ANSWER, inner.width, inner.height - extent.height)
            pair = inner.middle(inner.width, title.height + extent.height)
            page.canvas.write(title, pair.strip(title.height), INK, TINT)
            page.canvas.write(extent, pair.foot(extent.height), SOFT_INK, TINT)
