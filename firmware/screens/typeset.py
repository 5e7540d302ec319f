"""Lines of text from words: breaks only where a reader would pause, lines of even length, type that fits its place."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from PIL import ImageFont

from firmware.screens.look import Look
from firmware.screens.theme import LARGE, Style, font

_STEP_MM = 0.2
_PAUSE = re.compile(r"\||(?= )")


@dataclass(frozen=True)
class Block:
    """Text that is set but has no place yet; lengths in pixels."""

    lines: tuple[str, ...]
    style: Style
    size_mm: float
    font: ImageFont.FreeTypeFont
    leading: int
    width: int

    @property
    def height(self) -> int:
        return self.leading * len(self.lines)


def typeset(look: Look, text: str, style: Style, width: int, height: int | None = None) -> Block:
    """Set `text` in `width` pixels, as large as the style and the patient's choice want it and the place allows.

    "|" is where a line may end, as is a space; a new line ends one always.
    """
    wanted = style.size * (LARGE if look.large else 1.0)
    steps = math.ceil((wanted - style.smallest) / _STEP_MM)
    for step in range(steps + 1):
        block = _set(look, text, style, max(style.smallest, wanted - step * _STEP_MM), width)
        if block.width <= width and (height is None or block.height <= height):
            return block
    return _set(look, _breakable(text), style, style.smallest, width)


def alike(look: Look, texts: Iterable[str], style: Style, width: int, height: int) -> Style:
    """`style` at the size that lets every one of `texts` fit, so that none outweighs another."""
    size = min(typeset(look, text, style, width, height).size_mm for text in texts)
    return replace(style, size=size / (LARGE if look.large else 1.0))


def _set(look: Look, text: str, style: Style, size_mm: float, width: int) -> Block:
    face = font(style.bold, look.px(size_mm))
    lines = tuple(line for part in text.split("\n") for line in _even_lines(part, face, width))
    widest = max(math.ceil(face.getlength(line)) for line in lines)
    return Block(lines, style, size_mm, face, round(look.px(size_mm) * style.leading), widest)


def _even_lines(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """As few lines as `width` allows, then as even as they can be."""
    lines = _greedy(text, face, width)
    low, high = 1, width
    while low < high:
        narrower = (low + high) // 2
        tried = _greedy(text, face, narrower)
        if len(tried) == len(lines) and all(face.getlength(line) <= narrower for line in tried):
            high = narrower
        else:
            low = narrower + 1
    evened = _greedy(text, face, high)
    return evened if len(evened) == len(lines) else lines


def _greedy(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for unit in _PAUSE.split(text):
        if lines[-1] and face.getlength(lines[-1] + unit) > width:
            lines.append(unit.lstrip())
        else:
            lines[-1] += unit
    return lines


def _breakable(text: str) -> str:
    """The last resort for a word longer than its line: it may break anywhere."""
    return "|".join(text.replace("|", ""))
