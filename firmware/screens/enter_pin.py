"""Enter your PIN."""

from dataclasses import dataclass
from typing import ClassVar

from firmware.screens.drawn import Box, Drawn
from firmware.screens.frame import PERSON, Page
from firmware.screens.look import Look
from firmware.screens.theme import (
    ACTION,
    ANSWER,
    CARE,
    CARE_TINT,
    HINT,
    INK,
    PAPER,
    QUESTION,
    RESTING,
    SOFT_INK,
    TEAL,
    TINT,
    WHITE,
)
from firmware.screens.typeset import alike, typeset

_LENGTH = 4
_FULL_TRIES = 3
_KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "erase", "0", "next")
_PAD = 100.0
_OTHER_WAY = 17.0
_NOTE = 20.0
_BOX = (15.0, 16.0)


@dataclass(frozen=True)
class EnterPin:
    """The keypad; the screen knows how many digits there are, never which."""

    digits: int
    """0 to 4."""
    tries_left: int
    wrong: bool
    """Whether the last PIN was not correct."""

    name: ClassVar[str] = "enter_pin"

    def draw(self, look: Look) -> Drawn:
        page = Page(look, PERSON, stop=True)
        self._keypad(page, page.body._replace(left=page.body.right - look.px(_PAD)))
        left = page.body._replace(right=page.body.right - look.px(_PAD) - 2 * page.gap)
        key = (left.height - 3 * page.gap) // 4
        other_way = left.foot(look.px(_OTHER_WAY) if look.large else key)
        page.button("face", other_way, page.words("enter_pin.face"), ANSWER)
        self._question(page, left.above(other_way.height + page.gap))
        return page.drawn()

    def _question(self, page: Page, box: Box) -> None:
        look = page.look
        title = page.words("enter_pin.wrong" if self.wrong else "enter_pin.title")
        two_lines = 2 * typeset(look, "", QUESTION, box.width).leading
        page.canvas.write(typeset(look, title, QUESTION, box.width, two_lines), box.strip(two_lines), INK, PAPER)
        boxes = box.below(two_lines + page.gap).strip(look.px(_BOX[1]))
        self._boxes(page, boxes)
        remark = box._replace(top=boxes.bottom + page.gap)
        if self.tries_left < _FULL_TRIES:
            key = "last_try" if self.tries_left == 1 else "tries_left"
            warning = page.words(f"enter_pin.{key}", tries_left=self.tries_left)
            page.note(remark.middle(remark.width, min(remark.height, look.px(_NOTE))), warning, ACTION, CARE, CARE_TINT)
        else:
            block = typeset(look, page.words("enter_pin.never_asked"), HINT, remark.width, remark.height)
            page.canvas.write(block, remark, SOFT_INK, PAPER)

    def _boxes(self, page: Page, row: Box) -> None:
        look = page.look
        width, space = look.px(_BOX[0]), look.px(4)
        row = row.middle(width * _LENGTH + space * (_LENGTH - 1), row.height)
        for index, box in enumerate(row.columns(_LENGTH, space)):
            filled, here = index < self.digits, index == self.digits
            edge = 2 * page.edge if here else page.edge
            page.canvas.panel(box, TINT if here else WHITE, TEAL if filled or here else SOFT_INK, edge)
            if filled:
                dot = look.px(4.5)
                page.canvas.oval(box.middle(dot, dot), INK)

    def _keypad(self, page: Page, pad: Box) -> None:
        places = [place for row in pad.rows(4, page.gap) for place in row.columns(3, page.gap)]
        words = [page.words(f"enter_pin.{key}") for key in ("erase", "next")]
        style = alike(page.look, words, ANSWER, places[0].width - 2 * page.gap, places[0].height)
        for key, place in zip(_KEYS, places, strict=True):
            if key == "next" and self.digits == _LENGTH:
                page.button(key, place, page.words("enter_pin.next"), style, filled=True)
            elif key == "next":
                page.note(place, page.words("enter_pin.next"), style, SOFT_INK, RESTING)
                page.areas[key] = place
            elif key == "erase":
                page.button(key, place, page.words("enter_pin.erase"), style, colour=INK)
            else:
                page.button(key, place, key, QUESTION, colour=INK)
