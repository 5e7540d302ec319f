"""`machine.Pin` and `machine.unique_id` with MicroPython's names and arguments (stubs 1.29, port rp2)."""

from collections.abc import Callable
from typing import overload

from board.machine.chip import Edge, Line, Mode, Pull, chip_in_use

_KEEP = -1
"""MicroPython's way to say: leave this setting as it is."""


def unique_id() -> bytes:
    """Bytes that name this board and no other, as far as its hardware can tell."""
    return chip_in_use().unique_id


class Pin:
    """One input or output of the board.

    Two `Pin`s of one number are the same wire, and settings outlive the object, as on a microcontroller.
    """

    IN = Mode.IN
    OUT = Mode.OUT
    OPEN_DRAIN = Mode.OPEN_DRAIN
    PULL_UP = Pull.UP
    PULL_DOWN = Pull.DOWN
    IRQ_FALLING = Edge.FALLING
    IRQ_RISING = Edge.RISING

    def __init__(self, id: int, /, mode: int = _KEEP, pull: int | None = _KEEP, *, value: object = None) -> None:
        """The pin numbered `id`; what is not given stays as it is. Raises ValueError for what the chip cannot do."""
        self._number = id
        self._line: Line = chip_in_use().line(id)
        self.init(mode, pull, value=value)

    def init(self, mode: int = _KEEP, pull: int | None = _KEEP, *, value: object = None) -> None:
        """Set mode (IN, OUT, OPEN_DRAIN), pull (PULL_UP, PULL_DOWN, or None for none) and the output's level."""
        self._line.configure(
            self._line.mode if mode == _KEEP else Mode(mode),
            self._line.pull if pull == _KEEP else Pull(pull or Pull.NONE),
            None if value is None else int(bool(value)),
        )

    @overload
    def value(self) -> int: ...
    @overload
    def value(self, x: object, /) -> None: ...
    def value(self, *x: object) -> int | None:
        """The level at the pin; or, given anything, set the output to its truth value."""
        if not x:
            return self._line.read()
        (level,) = x
        self._line.write(int(bool(level)))
        return None

    __call__ = value

    def on(self) -> None:
        """Output 1."""
        self._line.write(1)

    def off(self) -> None:
        """Output 0."""
        self._line.write(0)

    def toggle(self) -> None:
        """Output the other level."""
        self._line.write(1 - self._line.read())

    @overload
    def mode(self) -> int: ...
    @overload
    def mode(self, mode: int, /) -> None: ...
    def mode(self, *mode: int) -> int | None:
        """The mode; or set it."""
        if not mode:
            return self._line.mode
        self.init(*mode)
        return None

    @overload
    def pull(self) -> int: ...
    @overload
    def pull(self, pull: int | None, /) -> None: ...
    def pull(self, *pull: int | None) -> int | None:
        """The pull, 0 where there is none; or set it."""
        if not pull:
            return self._line.pull
        self.init(_KEEP, *pull)
        return None

    def irq(
        self,
        /,
        handler: "Callable[[Pin], None] | None" = None,
        trigger: int = Edge.FALLING | Edge.RISING,
        *,
        hard: bool = False,
    ) -> "Irq":
        """Call `handler` with this pin at each edge in `trigger`, in place of any handler before; None stops it.

        `hard` asks a microcontroller to run the handler inside the interrupt; Linux has no such place, so it changes
        nothing here. Raises ValueError for a trigger other than IRQ_FALLING, IRQ_RISING or both.
        """
        if trigger not in (Edge.FALLING, Edge.RISING, Edge.FALLING | Edge.RISING):
            raise ValueError(f"trigger {trigger}: IRQ_FALLING, IRQ_RISING or both")
        irq = Irq(self, handler, Edge(trigger))
        self._line.watch(Edge(trigger), irq.notice if handler else None)
        return irq

    def __repr__(self) -> str:
        return f"Pin({self._number}, mode={self._line.mode.name}, pull={self._line.pull.name})"


class Irq:
    """What `Pin.irq` returns: which edge last called the handler, and the handler by hand."""

    def __init__(self, pin: Pin, handler: Callable[[Pin], None] | None, trigger: Edge) -> None:
        self._pin = pin
        self._handler = handler
        self._trigger = trigger
        self._flags = Edge(0)

    def notice(self, edge: Edge) -> None:
        """The chip saw `edge`."""
        self._flags = edge
        self()

    def flags(self) -> int:
        """The edge that last called the handler; 0 before the first."""
        return self._flags

    def trigger(self) -> int:
        """The edges that call the handler."""
        return self._trigger

    def __call__(self) -> None:
        if self._handler is not None:
            self._handler(self._pin)
