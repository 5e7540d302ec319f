"""The folder in which a reader keeps what outlives its power.

STATE/identity/   its keys (`firmware.link.keys`)
STATE/journal.db  its journal (`firmware.link.journal`)
STATE/lock        held by the program that uses them
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.link.journal import Journal, JournalDamaged
from firmware.link.keys import FileKeyStore


class StateInUse(Exception):
    """Another program holds the folder."""


class Undelivered(Exception):
    """Records would be lost; the text says what to do."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} visits have not reached the terminal: connect the reader until they have, or wipe them with"
            " --discard. Nothing was changed"
        )
        self.count = count


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold the folder: two readers in one would use the same counter twice. Raises StateInUse, OSError."""
    with (state / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUse(f"{state}: a reader is running on this folder; end it first") from None
        yield


def open_keys(state: Path) -> FileKeyStore:
    """The keys. Raises OSError, ValueError."""
    return FileKeyStore(state / "identity")


def open_journal(state: Path, *, paired: bool) -> Journal:
    """The journal; a reader that is not paired may still get a new one.

    Raises JournalUnavailable, JournalDamaged.
    """
    return Journal(journal_file(state)) if paired else Journal.make(journal_file(state))


def journal_file(state: Path) -> Path:
    """Where the journal lies."""
    return state / "journal.db"


def unpair(state: Path, *, discard: bool) -> int:
    """Forget the terminal; returns how many records were wiped, which only `discard` allows.

    A journal that is missing, because somebody set it aside, holds nobody up. The folder must be held (`alone`).
    Raises Undelivered, JournalUnavailable, JournalDamaged, OSError, ValueError.
    """
    keys = open_keys(state)
    wiped = 0
    if journal_file(state).exists():
        journal = Journal(journal_file(state))
        try:
            count = journal.undelivered()
            if count and not discard:
                raise Undelivered(count)
            wiped = journal.wipe()
        finally:
            journal.close()
    keys.forget()
    return wiped


def advice_for(state: Path, damaged: JournalDamaged) -> str:
    """What a technician does about a damaged journal."""
    file = journal_file(state)
    return (
        f"{damaged}. Nothing was changed. 1. Move {file}* to another place, and keep it: visits in it may not have"
        f" reached the terminal. 2. kiosk-reader unpair --state {state} 3. Start the reader, and pair it again"
    )
