"""Pictures for those who would rather not read, drawn from lines in a square of 100 x 100."""

from collections.abc import Callable
from math import cos, radians, sin

from firmware.screens.canvas import Canvas
from firmware.screens.drawn import Box
from firmware.screens.theme import CARE, CARE_TINT, GOOD, LINE, TEAL, TINT, WHITE


class Sheet:
    """A square on a canvas, measured 100 x 100."""

    def __init__(self, canvas: Canvas, square: Box) -> None:
        self._canvas = canvas
        self._square = square

    def line(self, *points: tuple[float, float], width: float = 4.0, colour: str = TEAL) -> None:
        self._canvas.stroke([self._at(x, y) for x, y in points], self._long(width), colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        self._canvas.oval(self._box(x - radius, y - radius, x + radius, y + radius), colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: str, ground: str) -> None:
        self.disc(x, y, radius, colour)
        self.disc(x, y, radius - width, ground)

    def arc(
        self, x: float, y: float, radius: float, start: float, end: float, width: float = 4.0, colour: str = TEAL
    ) -> None:
        steps = max(2, int((end - start) / 4))
        angles = (radians(start + (end - start) * step / steps) for step in range(steps + 1))
        self.line(*((x + radius * cos(a), y + radius * sin(a)) for a in angles), width=width, colour=colour)

    def panel(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: str,
        edge: str | None = None,
        width: float = 2.5,
        corner: float = 6.0,
    ) -> None:
        box = self._box(left, top, right, bottom)
        self._canvas.panel(box, fill, edge, round(self._long(width)), round(self._long(corner)))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._square.left + self._long(x), self._square.top + self._long(y)

    def _long(self, length: float) -> float:
        return length * self._square.width / 100

    def _box(self, left: float, top: float, right: float, bottom: float) -> Box:
        (x, y), (u, v) = self._at(left, top), self._at(right, bottom)
        return Box(round(x), round(y), round(u), round(v))


Icon = Callable[[Canvas, Box], None]
"""Draws itself in a square."""


def done(canvas: Canvas, square: Box) -> None:
    """A tick: all is well."""
    sheet = Sheet(canvas, square)
    sheet.disc(50, 50, 48, GOOD)
    sheet.line((29, 52), (44, 67), (72, 36), width=9, colour=WHITE)


def care(canvas: Canvas, square: Box) -> None:
    """An exclamation mark: something to do."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, CARE, CARE_TINT)
    sheet.line((50, 26), (50, 57), width=9, colour=CARE)
    sheet.disc(50, 74, 5.5, CARE)


def question(canvas: Canvas, square: Box) -> None:
    """A question mark."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, TEAL, TINT)
    sheet.arc(50, 39, 15, -180, 90, width=8)
    sheet.line((50, 54), (50, 60), width=8)
    sheet.disc(50, 75, 5.5, TEAL)


def wait(canvas: Canvas, square: Box) -> None:
    """A clock."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, TEAL, TINT)
    sheet.line((50, 24), (50, 52), (68, 62), width=6)


def bell(canvas: Canvas, square: Box) -> None:
    """The bell on a counter."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, TEAL, TINT)
    sheet.arc(50, 62, 25, -180, 0, width=6)
    sheet.line((22, 66), (78, 66), width=6)
    sheet.line((50, 30), (50, 36), width=6)
    sheet.line((42, 28), (58, 28), width=6)


def lock(canvas: Canvas, square: Box) -> None:
    """A closed lock."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, CARE, CARE_TINT)
    sheet.line((38, 48), (38, 40), width=6, colour=CARE)
    sheet.line((62, 48), (62, 40), width=6, colour=CARE)
    sheet.arc(50, 40, 12, -180, 0, width=6, colour=CARE)
    sheet.panel(30, 46, 70, 74, CARE, corner=5)
    sheet.disc(50, 60, 4.5, CARE_TINT)


def tool(canvas: Canvas, square: Box) -> None:
    """A plug that is out."""
    sheet = Sheet(canvas, square)
    sheet.ring(50, 50, 48, 4, CARE, CARE_TINT)
    sheet.line((30, 50), (70, 50), width=9, colour=CARE)


def card(canvas: Canvas, square: Box) -> None:
    """The patient's card, photo side up."""
    sheet = Sheet(canvas, square)
    sheet.panel(2, 20, 98, 80, WHITE, TEAL, width=2)
    sheet.line((12, 30), (56, 30), width=5)
    sheet.panel(9, 39, 35, 71, TINT, TEAL, width=1.2, corner=3)
    _person(sheet, 22, 49, 5)
    for y, end in ((44, 88), (55, 74), (66, 82)):
        sheet.line((44, y), (end, y), width=4, colour=LINE)


def place(canvas: Canvas, square: Box) -> None:
    """The card on its way down to the tray."""
    sheet = _card_over_tray(canvas, square)
    sheet.line((50, 49), (50, 73), width=5)
    sheet.line((39, 63), (50, 74), (61, 63), width=5)


def take(canvas: Canvas, square: Box) -> None:
    """The card on its way up from the tray."""
    sheet = _card_over_tray(canvas, square)
    sheet.line((50, 50), (50, 74), width=5)
    sheet.line((39, 60), (50, 49), (61, 60), width=5)


def _card_over_tray(canvas: Canvas, square: Box) -> Sheet:
    """Card above, tray below, room for an arrow between."""
    side = square.width * 62 // 100
    inner = Box(square.centre[0] - side // 2, square.top - side * 18 // 100, 0, 0)
    card(canvas, inner._replace(right=inner.left + side, bottom=inner.top + side))
    sheet = Sheet(canvas, square)
    sheet.panel(4, 84, 96, 98, TINT, TEAL, width=1.5, corner=7)
    sheet.line((20, 91), (80, 91), width=3.5)
    return sheet


def cable(canvas: Canvas, square: Box) -> None:
    """A plug on its way into its socket."""
    sheet = Sheet(canvas, square)
    sheet.line((2, 50), (22, 50), width=6)
    sheet.panel(20, 34, 44, 66, TINT, TEAL, width=3)
    sheet.line((44, 43), (56, 43), width=5)
    sheet.line((44, 57), (56, 57), width=5)
    sheet.panel(68, 28, 96, 72, TINT, TEAL, width=3)
    sheet.line((68, 43), (78, 43), width=5)
    sheet.line((68, 57), (78, 57), width=5)


def face_in(colour: str, ground: str) -> Icon:
    """A face between the corners of a frame, in one colour."""

    def face(canvas: Canvas, square: Box) -> None:
        sheet = Sheet(canvas, square)
        sheet.ring(50, 50, 31, 4.5, colour, ground)
        sheet.disc(39, 44, 4, colour)
        sheet.disc(61, 44, 4, colour)
        sheet.arc(50, 52, 12, 25, 155, width=4, colour=colour)
        for start in (22, 112, 202, 292):
            sheet.arc(50, 50, 46, start + 5, start + 41, width=4.5, colour=colour)

    return face


def pin(canvas: Canvas, square: Box) -> None:
    """Four hidden digits."""
    sheet = Sheet(canvas, square)
    for left in (-12, 20, 52, 84):
        sheet.panel(left, 33, left + 28, 67, TINT, TEAL, width=2.5, corner=6)
        sheet.disc(left + 14, 50, 5, TEAL)


def _person(sheet: Sheet, x: float, y: float, head: float) -> None:
    sheet.disc(x, y, head, TEAL)
    sheet.panel(x - head * 1.7, y + head * 1.5, x + head * 1.7, y + head * 4.2, TEAL, corner=head * 1.5)
