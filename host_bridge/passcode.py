"""The passcode by which staff confirm a patient by eye (目視確認): a few tries, then none for a while."""

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

TRIES: Final = 5
LOCKED_S: Final = 300.0


class Verdict(Enum):
    """What became of a try."""

    RIGHT = auto()
    WRONG = auto()
    LOCKED = auto()
    """Nothing was compared."""


@dataclass(frozen=True)
class Checked:
    """The answer to a try."""

    verdict: Verdict
    tries_left: int


class PasscodeLock:
    """Counts wrong tries, whichever reader they come from. Any thread may call it. It forgets with the program, which
    nobody at a reader can restart."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic`: seconds that no clock set right or wrong can shorten."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._wrong = 0
        self._locked_until = 0.0

    def check(self, typed: str, passcode: str) -> Checked:
        """Compare in constant time, having counted the try first."""
        with self._lock:
            now = self._monotonic()
            if now < self._locked_until:
                return Checked(Verdict.LOCKED, 0)
            self._wrong += 1
            if hmac.compare_digest(typed.encode(), passcode.encode()):
                self._wrong = 0
                return Checked(Verdict.RIGHT, TRIES)
            if self._wrong < TRIES:
                return Checked(Verdict.WRONG, TRIES - self._wrong)
            self._wrong = 0
            self._locked_until = now + LOCKED_S
            return Checked(Verdict.LOCKED, 0)
