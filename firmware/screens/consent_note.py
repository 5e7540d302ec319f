"""What every question about consent adds: it is free, and it ends."""

from firmware.screens.drawn import Box
from firmware.screens.frame import Page
from firmware.screens.theme import ACTION, GOOD, GOOD_TINT
from firmware.screens.typeset import alike, typeset

HEIGHT = 11.0
"""Millimetres it takes."""


def consent_note(page: Page, box: Box) -> None:
    """Two short remarks side by side in `box`."""
    page.canvas.panel(box, GOOD_TINT)
    halves = box.inset(page.gap, page.look.px(1.0)).columns(2, page.gap)
    texts = [page.words("consent.free"), page.words("consent.ends")]
    style = alike(page.look, texts, ACTION, halves[0].width, halves[0].height)
    for text, half in zip(texts, halves, strict=True):
        page.canvas.write(typeset(page.look, text, style, half.width, half.height), half, GOOD, GOOD_TINT)
