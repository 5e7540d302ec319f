"""Paint: smooth shapes and set text on one picture."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from PIL import Image, ImageDraw

from firmware.screens.drawn import Box, Written
from firmware.screens.look import Look
from firmware.screens.theme import CORNER, PAPER
from firmware.screens.typeset import Block

_FINE = 4
"""Shapes are drawn so many times larger and reduced, for smooth edges."""
_MIDDLE = 0.38
"""Middle of a character above the baseline, in type sizes."""

Point = tuple[float, float]


class Canvas:
    """One picture being painted, and a record of what was written."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.image = Image.new("RGB", look.size, PAPER)
        self.written: list[Written] = []
        self._pen = ImageDraw.Draw(self.image)

    def rectangle(self, box: Box, fill: str) -> None:
        """A plain rectangle."""
        self._pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill)

    def panel(self, box: Box, fill: str, edge: str | None = None, edge_px: int = 0, corner: int | None = None) -> None:
        """A rectangle with round corners, perhaps with an edge inside it."""
        corner = self.look.px(CORNER) if corner is None else corner
        if edge is not None:
            self.image.paste(edge, box, rounded(box.width, box.height, corner))
            box = box.inset(edge_px, edge_px)
            corner = max(0, corner - edge_px)
        self.image.paste(fill, box, rounded(box.width, box.height, corner))

    def oval(self, box: Box, fill: str) -> None:
        """A filled ellipse."""
        self.image.paste(fill, box, shape(box.width, box.height, lambda pen, k: pen.ellipse(_to(box, k), 255)))

    def arc(self, box: Box, start: float, end: float, width: int, colour: str) -> None:
        """Part of an ellipse's edge, clockwise from `start` to `end` degrees; 0 is to the right."""
        mask = shape(box.width, box.height, lambda pen, k: pen.arc(_to(box, k), start, end, 255, width * k))
        self.image.paste(colour, box, mask)

    def stroke(self, points: Sequence[Point], width: float, colour: str) -> None:
        """A line through `points` with round ends and corners."""
        half = width / 2 + 1
        left, top = int(min(x for x, _ in points) - half), int(min(y for _, y in points) - half)
        right, bottom = int(max(x for x, _ in points) + half) + 1, int(max(y for _, y in points) + half) + 1

        def paint(pen: ImageDraw.ImageDraw, k: int) -> None:
            path = [((x - left) * k, (y - top) * k) for x, y in points]
            pen.line(path, 255, round(width * k), joint="curve")
            radius = width * k / 2
            for x, y in path:
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), 255)

        self.image.paste(colour, (left, top, right, bottom), shape(right - left, bottom - top, paint))

    def write(
        self, block: Block, within: Box, colour: str, ground: str, *, left: bool = False, top: bool = False
    ) -> Box:
        """Write `block` in the middle of `within`, or at its left or top; what the lines cover."""
        upper = within.top if top else within.top + (within.height - block.height) // 2
        size = self.look.px(block.size_mm)
        covered: list[Box] = []
        for index, line in enumerate(block.lines):
            width = round(block.font.getlength(line))
            start = within.left if left else within.left + (within.width - width) // 2
            line_top = upper + index * block.leading
            baseline = round(line_top + block.leading / 2 + size * _MIDDLE)
            self._pen.text((start, baseline), line, colour, block.font, anchor="ls")
            covered.append(Box(start, line_top, start + width, line_top + block.leading))
        box = Box(min(line.left for line in covered), upper, max(line.right for line in covered), upper + block.height)
        text = "\n".join(block.lines)
        self.written.append(Written(text, box, within, block.size_mm, block.style.role, colour, ground))
        return box


def shape(width: int, height: int, paint: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    """A mask with smooth edges; `paint` is told how many times larger to draw."""
    fine = Image.new("L", (width * _FINE, height * _FINE))
    paint(ImageDraw.Draw(fine), _FINE)
    return fine.reduce(_FINE)


@lru_cache(maxsize=128)
def rounded(width: int, height: int, corner: int) -> Image.Image:
    """The mask of a rectangle with round corners."""
    edge = (width, height)
    return shape(*edge, lambda pen, k: pen.rounded_rectangle((0, 0, width * k - 1, height * k - 1), corner * k, 255))


def _to(box: Box, k: int) -> tuple[int, int, int, int]:
    """A box at the origin, `k` times as large."""
    return 0, 0, box.width * k - 1, box.height * k - 1
