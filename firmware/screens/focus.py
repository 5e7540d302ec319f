"""Where the external keypad is on a screen: one choice after the other, the chosen one in a frame."""

from collections.abc import Sequence
from typing import Final

from firmware.screens.canvas import shape
from firmware.screens.drawn import Drawn
from firmware.screens.look import Look
from firmware.screens.theme import CORNER, INK

FRAME: Final = ("language", "text_size", "reception", "stop")
"""What every screen has around its question: it comes after the question's own choices."""
_OWN_KEYS: Final = frozenset((*"0123456789", "erase", "next"))
"""Areas that the keypad has keys for."""
_GAP = 0.7
_WIDTH = 1.3
"""Millimetres; together less than the space between two things to touch."""


def order(drawn: Drawn) -> Sequence[str]:
    """The areas that the keypad moves through, in order."""
    own = [area for area in drawn.areas if area not in _OWN_KEYS and area not in FRAME]
    return [*own, *(area for area in FRAME if area in drawn.areas)]


def framed(drawn: Drawn, area: str, look: Look) -> Drawn:
    """The same screen with a frame around `area`."""
    width, beyond = look.px(_WIDTH), look.px(_GAP) + look.px(_WIDTH)
    box = drawn.areas[area].inset(-beyond, -beyond)
    corner = look.px(CORNER) + beyond
    edge = shape(
        box.width,
        box.height,
        lambda pen, k: pen.rounded_rectangle(
            (0, 0, box.width * k - 1, box.height * k - 1), corner * k, outline=255, width=width * k
        ),
    )
    image = drawn.image.copy()
    image.paste(INK, box, edge)
    return Drawn(image, drawn.areas, drawn.written)
