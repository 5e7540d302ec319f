"""Which faults, in which order: drawn from a seed, each kind with its share."""

from dataclasses import dataclass
from random import Random

LINE_KINDS = ("flip", "drop", "duplicate", "reflect", "stall")
"""Faults of the cable while it is plugged."""
HARSH_KINDS = ("unplug", "kill_reader", "kill_bridge", "disk_full", "clock_jump")
"""Faults of plug, processes, disks and clock."""
KINDS = (*LINE_KINDS, *HARSH_KINDS)

_SHARES = {
    "flip": 18.0,
    "drop": 16.0,
    "duplicate": 14.0,
    "reflect": 14.0,
    "stall": 10.5,
    "unplug": 5.5,
    "kill_reader": 5.5,
    "kill_bridge": 5.5,
    "disk_full": 5.5,
    "clock_jump": 5.5,
}
"""Percent of all faults."""


@dataclass(frozen=True)
class Schedule:
    """The faults of one lane, in order; the two lists run side by side."""

    line: tuple[str, ...]
    harsh: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.line) + len(self.harsh)


def schedule(faults: int, dice: Random) -> Schedule:
    """So many faults, every kind at least once."""
    if faults < len(KINDS):
        raise ValueError(f"{faults} faults are too few for a lane: there are {len(KINDS)} kinds")
    counts = {kind: 1 + int((faults - len(KINDS)) * share / 100) for kind, share in _SHARES.items()}
    counts["flip"] += faults - sum(counts.values())
    return Schedule(*(_shuffled(kinds, counts, dice) for kinds in (LINE_KINDS, HARSH_KINDS)))


def _shuffled(kinds: tuple[str, ...], counts: dict[str, int], dice: Random) -> tuple[str, ...]:
    faults = [kind for kind in kinds for _ in range(counts[kind])]
    dice.shuffle(faults)
    return tuple(faults)
