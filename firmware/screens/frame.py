"""What every screen shares: the steps above, language and size of the text, reception and stop below."""

import re
from collections.abc import Iterable, Mapping

from firmware.screens.canvas import Canvas
from firmware.screens.drawn import Box, Drawn
from firmware.screens.look import Look
from firmware.screens.theme import (
    ACTION,
    BAND,
    CARE,
    DARK_TEAL,
    EDGE,
    GAP,
    INK,
    LABEL,
    LARGE,
    LINE,
    MARGIN,
    PAPER,
    SMALL,
    SOFT_INK,
    TEAL,
    TINT,
    TOUCH,
    WHITE,
    Style,
    font,
)
from firmware.screens.typeset import alike, typeset
from firmware.screens.words import words

CARD, PERSON, CONSENT, CHECK, FINISHED = range(1, 6)
"""The five steps of a visit."""

_SMALL_BUTTON = 25.0
_RECEPTION = 50.0
_STOP = 36.0
_INSET = (2.5, 1.0)
"""Millimetres between a button's edge and its text, across and down."""


class Page:
    """A screen being made: its frame is drawn, `body` is free."""

    def __init__(
        self, look: Look, step: int | None = None, *, bare: bool = False, reception: bool = True, stop: bool = False
    ) -> None:
        """`step` is the one the visit is at; a `bare` page has nothing to touch in its frame."""
        self.look = look
        self.words = words(look.language)
        self.canvas = Canvas(look)
        self.areas: dict[str, Box] = {}
        self.gap = look.px(GAP)
        self.edge = max(2, look.px(EDGE))
        touch, margin = look.px(TOUCH), look.px(MARGIN)
        width, height = look.size
        top = Box(margin, self.gap, width - margin, self.gap + touch)
        band = Box(0, height - touch - 2 * self.gap, width, height)
        self.body = Box(margin, top.bottom + self.gap, width - margin, band.top - self.gap)
        if not bare:
            self._choices(top)
        if step is not None:
            self._steps(top, step)
        self.canvas.rectangle(band, BAND)
        self._bar(band.inset(margin, self.gap), reception and not bare, stop and not bare)

    def button(
        self,
        name: str,
        box: Box,
        text: str,
        style: Style = ACTION,
        *,
        hint: str | None = None,
        colour: str = TEAL,
        filled: bool = False,
    ) -> None:
        """Something to touch, called `name`; `hint` is set small under its text."""
        ink, ground = (WHITE, colour) if filled else (colour, WHITE)
        self.canvas.panel(box, ground, colour, self.edge)
        inner = box.inset(self.look.px(_INSET[0]), self.look.px(_INSET[1]))
        block = typeset(self.look, text, style, inner.width, inner.height)
        if hint is None:
            self.canvas.write(block, inner, ink, ground)
        else:
            below = typeset(self.look, hint, SMALL, inner.width)
            block = typeset(self.look, text, style, inner.width, inner.height - below.height)
            pair = inner.middle(inner.width, block.height + below.height)
            self.canvas.write(block, pair.strip(block.height), ink, ground)
            self.canvas.write(below, pair.foot(below.height), WHITE if filled else SOFT_INK, ground)
        self.areas[name] = box

    def choices(
        self, texts: Mapping[str, str], places: Iterable[Box], style: Style, hints: Mapping[str, str] | None = None
    ) -> None:
        """Buttons of the same weight: area name -> text, and perhaps a hint for each."""
        places = tuple(places)
        across, down = self.look.px(_INSET[0]), self.look.px(_INSET[1])
        inner = places[0].inset(across, down)
        lost = (
            0 if hints is None else max(typeset(self.look, hint, SMALL, inner.width).height for hint in hints.values())
        )
        style = alike(self.look, texts.values(), style, inner.width, inner.height - lost)
        for (name, text), place in zip(texts.items(), places, strict=True):
            self.button(name, place, text, style, hint=None if hints is None else hints[name])

    def note(self, box: Box, text: str, style: Style, ink: str = DARK_TEAL, ground: str = TINT) -> None:
        """A remark on a ground of its own; nothing to touch."""
        self.canvas.panel(box, ground)
        inner = box.inset(self.look.px(_INSET[0]), self.look.px(_INSET[1]))
        self.canvas.write(typeset(self.look, text, style, inner.width, inner.height), inner, ink, ground)

    def heading(self, text: str, style: Style, box: Box, height: int) -> Box:
        """The question at the top of `box`, in at most `height`; what remains under it."""
        block = typeset(self.look, text, style, box.width, height)
        self.canvas.write(block, box.strip(block.height), INK, PAPER)
        return box.below(block.height)

    def drawn(self) -> Drawn:
        """The finished screen."""
        return Drawn(self.canvas.image, self.areas, tuple(self.canvas.written))

    def _choices(self, top: Box) -> None:
        """Language and size of the text, at the right."""
        width = self.look.px(_SMALL_BUTTON * (1.16 if self.look.large else 1.0))
        right = top._replace(left=top.right - width)
        left = right._replace(left=right.left - self.gap - width, right=right.left - self.gap)
        self.button("language", left, self.words("frame.other_language"), LABEL, colour=INK)
        size = "frame.smaller" if self.look.large else "frame.larger"
        self.button("text_size", right, self.words(size), LABEL, colour=INK)

    def _steps(self, top: Box, now: int) -> None:
        """Steps done, the one we are at, those to come; where there is no room, only this one is named."""
        look, canvas = self.look, self.canvas
        names = self.words("frame.steps").split("/")
        size = LABEL.size * (LARGE if look.large else 1.0)
        disc, space, dash = look.px(size * 1.36), look.px(1.6), look.px(2.6)
        widths = [round(font(number == now, look.px(size)).getlength(name)) for number, name in enumerate(names, 1)]
        room = self.areas["language"].left - self.gap - top.left if "language" in self.areas else top.width
        named = sum(widths) + len(names) * (disc + space) + (len(names) - 1) * (dash + 2 * space) <= room
        x, middle = top.left, top.centre[1]
        for number, (name, width) in enumerate(zip(names, widths, strict=True), 1):
            place = Box(x, middle - disc // 2, x + disc, middle - disc // 2 + disc)
            self._step(place, number, now)
            x += disc
            if named or number == now:
                block = typeset(look, name, LABEL if number == now else SMALL, width + 1)
                colour = INK if number == now else SOFT_INK
                canvas.write(
                    block, Box(x + space, top.top, x + space + width + 1, top.bottom), colour, PAPER, left=True
                )
                x += space + width
            if number < len(names):
                canvas.stroke([(x + space, middle), (x + space + dash, middle)], self.edge, LINE)
                x += dash + 2 * space

    def _step(self, place: Box, number: int, now: int) -> None:
        reached = number <= now
        self.canvas.oval(place, TEAL if reached else LINE)
        if not reached:
            self.canvas.oval(place.inset(self.edge, self.edge), PAPER)
        if number < now or now == FINISHED == number:
            self.tick(place, WHITE)
        else:
            digit = typeset(self.look, str(number), LABEL, place.width)
            ink, ground = (WHITE, TEAL) if reached else (SOFT_INK, PAPER)
            self.canvas.write(digit, place.middle(place.width, digit.height), ink, ground)

    def tick(self, disc: Box, colour: str) -> None:
        """A tick inside a disc."""
        size = disc.width
        path = [(0.29, 0.52), (0.44, 0.67), (0.72, 0.36)]
        self.canvas.stroke([(disc.left + x * size, disc.top + y * size) for x, y in path], size * 0.1, colour)

    def _bar(self, bar: Box, reception: bool, stop: bool) -> None:
        """Reception at the left, stop at the right, the footer between."""
        wider = 1.2 if self.look.large else 1.0
        footer = bar
        if reception:
            width = self.look.px(_RECEPTION * wider)
            self.button("reception", bar._replace(right=bar.left + width), self.words("frame.reception"))
            footer = footer._replace(left=bar.left + width + self.gap)
        if stop:
            width = self.look.px(_STOP * wider)
            self.button("stop", bar._replace(left=bar.right - width), self.words("frame.stop"), colour=INK)
            footer = footer._replace(right=bar.right - width - self.gap)
        if self.look.footer is not None:
            remark = re.sub(r" {2,}", "\n", self.look.footer)
            small = Style("small", SMALL.smallest, SMALL.smallest, bold=False, leading=1.2)
            block = typeset(Look(self.look.size, self.look.px_per_mm), remark, small, footer.width, footer.height)
            self.canvas.write(block, footer, CARE, BAND)
