"""May this clinic see one kind of your past records?"""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.consent_item import ConsentItem
from firmware.screens.consent_note import HEIGHT, consent_note
from firmware.screens.drawn import Drawn
from firmware.screens.frame import CONSENT, Page
from firmware.screens.look import Look
from firmware.screens.theme import ANSWER, HINT, INK, LABEL, LEAD, PAPER, QUESTION, SOFT_INK
from firmware.screens.typeset import typeset

_ANSWERS = ("agree", "disagree")
_ANSWER = 25.0
_ANSWER_LARGE = 22.0


@dataclass(frozen=True)
class AskOneConsent:
    """The `index`th of `count` questions; two answers of the same size and weight, none chosen beforehand."""

    item: ConsentItem
    index: int
    """From 1."""
    count: int

    name: ClassVar[str] = "ask_one_consent"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, CONSENT, stop=True)
        answers = page.body.foot(look.px(_ANSWER_LARGE if look.large else _ANSWER))
        texts = {answer: page.words(f"ask_one_consent.{answer}") for answer in _ANSWERS}
        page.choices(texts, answers.columns(len(_ANSWERS), 2 * page.gap), ANSWER)
        rest = page.body.above(answers.height + page.gap)
        note = rest.foot(look.px(HEIGHT))
        consent_note(page, note)
        rest = rest.above(note.height + page.gap)
        title = page.words("ask_one_consent.title", records=self.item.records(page.words))
        count = page.words("ask_one_consent.count", index=self.index, count=self.count)
        above = typeset(look, count, LABEL, rest.width)
        below = typeset(look, self.item.extent(page.words), HINT if look.large else LEAD, rest.width)
        room = rest.height - above.height - below.height
        blocks = [(above, SOFT_INK), (typeset(look, title, QUESTION, rest.width, room), INK), (below, SOFT_INK)]
        group = rest.middle(rest.width, sum(block.height for block, _ in blocks))
        for block, colour in blocks:
            page.canvas.write(block, group.strip(block.height), colour, PAPER)
            group = group.below(block.height)
        return page.drawn()
