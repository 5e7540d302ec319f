"""What `Pin` needs from the part it sits on: a contract of few methods, and which part that is now."""

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import Protocol


class Mode(IntEnum):
    """How a pin is wired inside the chip; the numbers are those of MicroPython's port rp2."""

    IN = 0
    OUT = 1
    OPEN_DRAIN = 2


class Pull(IntEnum):
    """Which weak resistor holds a pin that nobody drives; the numbers are those of port rp2, where none has no name."""

    NONE = 0
    UP = 1
    DOWN = 2


class Edge(IntFlag):
    """Changes of level that an interrupt can wait for; the numbers are those of port rp2."""

    FALLING = 4
    RISING = 8


class Line(Protocol):
    """One pin as the chip sees it."""

    mode: Mode
    pull: Pull

    def configure(self, mode: Mode, pull: Pull, latch: int | None) -> None:
        """Set all three at once, so that a new output never shows its old level; `latch` None keeps the old one."""

    def read(self) -> int:
        """The level at the pin, 0 or 1."""

    def write(self, level: int) -> None:
        """Set the output latch. An input keeps it for when it becomes an output."""

    def watch(self, edges: Edge, notice: Callable[[Edge], None] | None) -> None:
        """Call `notice` at each of `edges`, in place of what was called before; None stops it."""


class Chip(Protocol):
    """The part that has the pins."""

    unique_id: bytes

    def line(self, number: int) -> Line:
        """The pin of that number. Raises ValueError where the chip has none."""


_chip: Chip


def use(chip: Chip) -> None:
    """Put every `Pin` made from now on, and `unique_id`, on `chip`. For the composition root and for tests."""
    global _chip
    _chip = chip


def chip_in_use() -> Chip:
    """The chip chosen last with `use`."""
    return _chip
