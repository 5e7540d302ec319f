"""The journal as the link uses it: the record to be delivered next, those that are too old, and a disk that fails."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable, Record

RETRY_MS: Final = 1000
"""Pause before a disk that failed is tried again, by reading and by writing."""
AGE_MS: Final = 60_000
"""How often running time is written down."""


class Outbox:
    """Never raises for the disk: what fails is tried again, and told once.

    `on_event` hears record_expired, journal_unavailable, journal_available.
    """

    def __init__(self, journal: Journal, on_event: Callable[..., None]) -> None:
        self._journal = journal
        self._on_event = on_event
        self.works = True
        """Whether a record could be kept, as far as is known: it is found by writing, which must succeed and leave room
        for a record."""
        self._accepted: Record | None = None  # still to be erased
        self._aged_at: int | None = None
        self._age_at = 0
        self.retry_at: int | None = None
        """When to ask again, where the last `next` or `erase` failed."""
        self.damaged = pending()
        """Ends in JournalDamaged, should that be found."""

    def next(self, now: int) -> Record | None:
        """The oldest record, or None: there is none, or it cannot be read before `retry_at`."""
        if self._accepted is not None and not self.erase(self._accepted, now):
            return None
        self._accepted = None
        try:
            record = self._journal.oldest()
        except (JournalUnavailable, JournalDamaged) as error:
            self.failed(error, now)
            self.retry_at = now + RETRY_MS
            return None
        self.retry_at = None
        return record

    def delivered(self, record: Record) -> None:
        """This one was accepted: it is erased before the next one is given, as often as that takes."""
        self._accepted = record

    def erase(self, record: Record, now: int) -> bool:
        """Erase this one, on which the terminal has said its last word. False: not yet, to be tried again at
        `retry_at`."""
        try:
            self._journal.delivered(record.counter)
        except (JournalUnavailable, JournalDamaged) as error:
            self.failed(error, now)
            self.retry_at = now + RETRY_MS
            return False
        self._written(now)
        return True

    def age(self, now: int) -> list[bytes]:
        """To be called at `age_due` at the latest; the token ids of records that were wiped for their age."""
        if self._aged_at is None:
            self._aged_at = self._age_at = now  # at once: it tells whether the disk takes anything
        if now < self._age_at:
            return []
        self._age_at = now + AGE_MS
        seconds = (now - self._aged_at) // 1000
        self._aged_at += seconds * 1000  # first: a failure may have counted them, and none may count twice
        try:
            expired = self._journal.age(seconds)
        except (JournalUnavailable, JournalDamaged) as error:
            self.failed(error, now)
            return []
        self._written(now)
        for cti in expired:
            self._on_event("record_expired", cti=cti.hex())
        return expired

    def age_due(self) -> int:
        """When `age` must be called next."""
        return self._age_at

    def failed(self, error: JournalUnavailable | JournalDamaged, now: int) -> None:
        """Tell it, once, and try again soon whether something can be written."""
        self._age_at = min(self._age_at, now + RETRY_MS)
        if isinstance(error, JournalDamaged):
            if not self.damaged.done():
                self.damaged.set_exception(error)
        elif self.works:
            self.works = False
            self._on_event("journal_unavailable", reason=error.reason)

    def _written(self, now: int) -> None:
        """The disk took something; whether a record would fit is another matter."""
        if not self._journal.has_room():
            self.failed(JournalUnavailable("no room for a record"), now)
        elif not self.works:
            self.works = True
            self._on_event("journal_available")


def pending() -> Future[Any]:
    """A future that only its maker ends: one that waits for it may give up, never cancel it."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
