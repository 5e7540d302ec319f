"""What a chip's applications are made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from board.sim.card.data import PrivateKey


@dataclass(frozen=True)
class Transparent:
    """A file of bytes."""

    name: str
    content: bytes = field(repr=False)
    opened_by: frozenset[int] = frozenset()
    """EFs of the PINs of which one must stand verified; none: free."""
    broken: bool = False
    """Its memory has failed."""
    forbidden: bool = False
    """No reader has any business here."""


@dataclass(frozen=True)
class Pin:
    """Reference data for VERIFY."""

    name: str
    secret: bytes | None = field(repr=False)
    """None: nothing matches."""
    limit: int
    """Tries after a success."""
    absent: int | None = None
    """Status word of a card that has no such PIN."""
    forbidden: bool = False


@dataclass(frozen=True)
class Key:
    """A private key."""

    name: str
    private: PrivateKey = field(repr=False)
    opened_by: frozenset[int] = frozenset()
    forbidden: bool = False


File = Transparent | Pin | Key


@dataclass(frozen=True)
class Application:
    """A DF with its name (AID)."""

    name: str
    aid: bytes
    files: Mapping[int, File]
    default_key: Key | None = None
    """What a signature uses when it names no key."""


class Counters:
    """Tries left for each PIN: they outlive power, like the chip's own memory. In a file where one is given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._left: dict[str, int] = json.loads(file.read_text("utf-8")) if file is not None and file.exists() else {}

    def left(self, aid: bytes, ef: int, limit: int) -> int:
        """Tries left; `limit` on a card whose PIN was never presented."""
        return self._left.get(_key(aid, ef), limit)

    def set(self, aid: bytes, ef: int, left: int) -> None:
        """Keep it before the answer is out, so that pulling the card gains nobody a try."""
        self._left[_key(aid, ef)] = left
        if self._file is not None:
            self._file.write_text(json.dumps(self._left), "utf-8")


def _key(aid: bytes, ef: int) -> str:
    return f"{aid.hex()}/{ef:04X}"
