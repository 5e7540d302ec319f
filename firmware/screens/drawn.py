"""A drawn screen: the picture, what can be touched on it, and what is written on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from PIL import Image

from firmware.screens.look import Look


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom are just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[int, int]:
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    def inset(self, across: int, down: int) -> "Box":
        """Smaller by `across` left and right, by `down` at top and bottom."""
        return Box(self.left + across, self.top + down, self.right - across, self.bottom - down)

    def below(self, height: int) -> "Box":
        """What remains under a strip of `height`."""
        return self._replace(top=self.top + height)

    def above(self, height: int) -> "Box":
        """What remains over a strip of `height`."""
        return self._replace(bottom=self.bottom - height)

    def strip(self, height: int) -> "Box":
        """The uppermost `height`."""
        return self._replace(bottom=self.top + height)

    def foot(self, height: int) -> "Box":
        """The lowest `height`."""
        return self._replace(top=self.bottom - height)

    def middle(self, width: int, height: int) -> "Box":
        """A rectangle of that size in the middle."""
        left, top = (self.left + self.right - width) // 2, (self.top + self.bottom - height) // 2
        return Box(left, top, left + width, top + height)

    def columns(self, count: int, gap: int) -> tuple["Box", ...]:
        """`count` equal parts side by side."""
        width = (self.width - gap * (count - 1)) // count
        lefts = (self.left + (width + gap) * index for index in range(count))
        return tuple(self._replace(left=left, right=left + width) for left in lefts)

    def rows(self, count: int, gap: int) -> tuple["Box", ...]:
        """`count` equal parts one under the other."""
        height = (self.height - gap * (count - 1)) // count
        tops = (self.top + (height + gap) * index for index in range(count))
        return tuple(self._replace(top=top, bottom=top + height) for top in tops)

    def holds(self, x: int, y: int) -> bool:
        """Whether a pixel lies inside."""
        return self.left <= x < self.right and self.top <= y < self.bottom


class Written(NamedTuple):
    """One piece of text as it was set, for those who check screens."""

    text: str
    box: Box
    """What the lines cover."""
    within: Box
    """What they had to stay in."""
    size_mm: float
    role: str
    """Its style: question, answer, hint or small."""
    colour: str
    ground: str


@dataclass(frozen=True)
class Drawn:
    """One screen, ready to be shown."""

    image: Image.Image
    """RGB, the size of the panel."""
    areas: Mapping[str, Box]
    """What can be touched, by name."""
    written: tuple[Written, ...] = ()

    def hit(self, x: int, y: int) -> str | None:
        """The name of the area at a pixel, or None."""
        return next((name for name, box in self.areas.items() if box.holds(x, y)), None)


class Screen(Protocol):
    """What every screen is."""

    @property
    def name(self) -> str: ...

    def draw(self, look: Look) -> Drawn:
        """Draw it in the language and size of `look`."""
