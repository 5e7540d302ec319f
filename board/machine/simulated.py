"""A chip that exists only in memory, with wires that behave: drivers, pulls, edges, short circuits."""

from collections.abc import Callable

from board.machine.chip import Edge, Mode, Pull


class ShortCircuit(Exception):
    """The pin and the outside drive one wire to different levels. On a real board something would get hot."""

    def __init__(self, number: int) -> None:
        super().__init__(f"pin {number} and the outside drive one wire to different levels")
        self.number = number


class SimulatedLine:
    """One pin and the wire soldered to it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.mode = Mode.IN
        self.pull = Pull.NONE
        self._latch = 0
        self._outside: int | None = None
        self._level = 0
        self._edges = Edge(0)
        self._notice: Callable[[Edge], None] | None = None

    def configure(self, mode: Mode, pull: Pull, latch: int | None) -> None:
        """As `Line.configure`. Raises ShortCircuit."""
        self.mode, self.pull = mode, pull
        if latch is not None:
            self._latch = latch
        self._settle()

    def read(self) -> int:
        """As `Line.read`."""
        return self._level

    def write(self, level: int) -> None:
        """As `Line.write`. Raises ShortCircuit."""
        self._latch = level
        self._settle()

    def watch(self, edges: Edge, notice: Callable[[Edge], None] | None) -> None:
        """As `Line.watch`; `notice` is called in the thread that changes the level."""
        self._edges, self._notice = edges, notice

    def drive(self, level: int | None) -> None:
        """Drive the wire from outside to 0 or 1, or let go of it with None. Raises ShortCircuit."""
        self._outside = level
        self._settle()

    def _settle(self) -> None:
        level = self._resolved()
        if level == self._level:
            return
        self._level = level
        edge = Edge.RISING if level else Edge.FALLING
        if self._notice is not None and edge in self._edges:
            self._notice(edge)

    def _resolved(self) -> int:
        inside = self._inside()
        if inside is not None and self._outside is not None and inside != self._outside:
            raise ShortCircuit(self.number)
        if inside is not None:
            return inside
        if self._outside is not None:
            return self._outside
        if self.pull is Pull.NONE:
            return self._level  # a floating wire keeps its charge for a while
        return int(self.pull is Pull.UP)

    def _inside(self) -> int | None:
        """What the pin itself drives; None where it does not."""
        if self.mode is Mode.OUT:
            return self._latch
        if self.mode is Mode.OPEN_DRAIN and self._latch == 0:
            return 0
        return None


class SimulatedChip:
    """`pins` pins numbered from 0. Tests and the virtual reader reach the outer end of a pin through `line`."""

    def __init__(self, pins: int = 54, unique_id: bytes = b"simulated") -> None:
        self.unique_id = unique_id
        self._lines = [SimulatedLine(number) for number in range(pins)]

    def line(self, number: int) -> SimulatedLine:
        """The pin of that number. Raises ValueError where the chip has none."""
        if not 0 <= number < len(self._lines):
            raise ValueError(f"no pin {number}: pins are 0 to {len(self._lines) - 1}")
        return self._lines[number]
