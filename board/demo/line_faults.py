"""What one direction of the virtual cable does wrong: faults that strike once each, and are counted when they did."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

KINDS = ("flip", "drop", "duplicate", "reflect", "stall")
_FLIPS = 3
_PIECE = 64
"""Most bits flipped, and most bytes lost, repeated or reflected, by one fault."""


@dataclass
class _Fault:
    kind: str
    after: int
    ms: int


class Line:
    """One direction of the cable, from an end to an end."""

    def __init__(
        self, onward: Callable[[bytes], None], back: Callable[[bytes], None], dice: Random, done: Counter[str]
    ) -> None:
        """`onward` takes what arrives, `back` what returns to its sender; `done` counts what took effect."""
        self._onward = onward
        self._back = back
        self._dice = dice
        self._done = done
        self._faults: list[_Fault] = []
        self._held = b""
        self._stalled: asyncio.TimerHandle | None = None
        self.flip_rate = 0
        """Bytes in a million that lose a bit, for as long as this is set."""

    def arm(self, kind: str, after: int, ms: int) -> None:
        """Strike once, among the bytes that pass after the next `after` ones. flip: one to three bits change; drop: a
        piece is lost; duplicate: a piece passes twice; reflect: a piece also comes back to its sender; stall: what
        passes is held for `ms`."""
        self._faults.append(_Fault(kind, after, ms))

    def calm(self) -> None:
        """No fault that has not struck strikes any more."""
        self._faults.clear()
        self.flip_rate = 0

    def carry(self, data: bytes) -> None:
        """Pass bytes on, or what is made of them."""
        length = len(data)
        waiting = []
        for fault in self._faults:
            if fault.after >= length:
                fault.after -= length
                waiting.append(fault)
            elif data[fault.after :]:  # else another fault has just taken these bytes
                data = self._strike(fault, data)
            else:
                waiting.append(fault)
        self._faults = waiting
        if self.flip_rate:
            data = self._rain(data)
        if self._stalled is not None:
            self._held += data
        else:
            self._onward(data)

    def end(self) -> None:
        """The cable is out: what is held is lost."""
        self._held = b""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _strike(self, fault: _Fault, data: bytes) -> bytes:
        self._done[fault.kind] += 1
        if fault.kind == "flip":
            bits = range(8 * fault.after, 8 * len(data))
            return _flipped(data, self._dice.sample(bits, self._dice.randint(1, _FLIPS)))
        if fault.kind == "stall":
            if self._stalled is not None:
                self._stalled.cancel()
            self._stalled = asyncio.get_running_loop().call_later(fault.ms / 1000, self._go_on)
            return data
        start = self._dice.randrange(fault.after, len(data))
        stop = min(len(data), start + self._dice.randint(1, _PIECE))
        if fault.kind == "drop":
            return data[:start] + data[stop:]
        if fault.kind == "duplicate":
            return data[:stop] + data[start:]
        self._back(data[start:stop])
        return data

    def _rain(self, data: bytes) -> bytes:
        hit = [one for one in range(len(data)) if self._dice.random() * 1_000_000 < self.flip_rate]
        self._done["flip"] += len(hit)
        return _flipped(data, [8 * one + self._dice.randrange(8) for one in hit])

    def _go_on(self) -> None:
        self._stalled = None
        held, self._held = self._held, b""
        self._onward(held)


def _flipped(data: bytes, bits: Iterable[int]) -> bytes:
    changed = bytearray(data)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
