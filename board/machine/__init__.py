"""MicroPython's `machine` module on Linux, as far as the reader's boards need it: `Pin` and `unique_id`.

The names, arguments and constants are those of MicroPython 1.29's published stubs (port rp2), so what is written for
them runs on a microcontroller too. What is behind the pins is a `Chip`, chosen with `use`; at first a simulated one.
"""

from board.machine.chip import Chip, Edge, Line, Mode, Pull, use
from board.machine.pin import Irq, Pin, unique_id
from board.machine.simulated import ShortCircuit, SimulatedChip, SimulatedLine

__all__ = [
    "Chip",
    "Edge",
    "Irq",
    "Line",
    "Mode",
    "Pin",
    "Pull",
    "ShortCircuit",
    "SimulatedChip",
    "SimulatedLine",
    "unique_id",
    "use",
]

use(SimulatedChip())
