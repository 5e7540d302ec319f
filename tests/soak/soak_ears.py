"""What the programs of a lane tell: written into the books, and waited for by the faults."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from soak_books import Books

Predicate = Callable[[str, str, dict[str, Any]], bool]
"""Of side ("reader" or "bridge"), event and facts."""

VISIT_EVENTS = {
    "link_up",
    "nonce_issued",
    "patient_identified",
    "record_journalled",
    "token_stored",
    "token_receipt",
    "face_file_written",
}
"""Events of a visit, on either side: moments at which a process may die."""
FULL = ("JournalUnavailable", "FULL", "IOERR", "OSError", "CANTOPEN", "full", "space", "disk", "unable to open")
"""In the reason of an event that tells of a failed write."""


class Ears:
    """Hears both sides: the events of their logs, and what `soak_process` adds."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._waiting: list[tuple[Predicate, asyncio.Future[None]]] = []
        self.bridge_ahead_s = 0.0
        """How far the bridge's clock was before the true time when it last said something."""
        self.undelivered: int | None = None
        """In the reader's journal, told by a reader that rests."""

    def heard(self, side: str, event: str, facts: dict[str, Any], at: float) -> None:
        """Something was told."""
        if side == "bridge" and "at" in facts:
            self.bridge_ahead_s = datetime.fromisoformat(facts["at"]).timestamp() - time.time()
        match event:
            case "record_journalled":
                self._books.tell("journalled", at, cti=facts["cti"])
            case "token_receipt":
                self._books.tell("receipt", at, **{key: facts[key] for key in ("cti", "accepted", "refusal")})
            case "token_stored":
                self._books.tell("stored", at, cti=facts["cti"])
            case "forged":
                self._books.tell("forged", at, **facts)
            case "resting":
                self.undelivered = facts["undelivered"]
        for predicate, future in self._waiting:
            if not future.done() and predicate(side, event, facts):
                future.set_result(None)

    async def until(self, predicate: Predicate, limit_s: float) -> bool:
        """Whether such an event is told within the limit, from now on."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (predicate, future)
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(limit_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.remove(waiting)
        return True


def write_failed(wanted: str) -> Predicate:
    """Of that side: an event that tells of a failed write."""
    return lambda side, event, facts: side == wanted and any(word in str(facts.get("reason", "")) for word in FULL)
