"""What must outlive the reader's power: the counter, the hash of the last token, and the records that no terminal has
acknowledged yet, each sealed to the bridge (`firmware.token.record`).

One transaction puts a record and moves the counter, so a number is used once and none is left out. What is deleted is
overwritten in the file, and its log (WAL) is cut to nothing. One SQLite connection, whose threads take turns.
"""

import hashlib
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from firmware.token.claims import FIRST

KEPT_S: Final = 7 * 24 * 3600
"""A record that no terminal has taken in so much running time is wiped."""

_FORMAT: Final = 0x46435231
"""application_id of the file, "FCR1"."""
_TABLES: Final = """
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL, previous BLOB NOT NULL, life INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE TABLE record (
    counter INTEGER PRIMARY KEY,
    cti BLOB NOT NULL, sealed BLOB NOT NULL, since INTEGER NOT NULL, digest BLOB NOT NULL);
"""
_PUT_STATE: Final = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)"
_SEE: Final = "SELECT counter, cti, sealed, since, digest FROM record "

T = TypeVar("T")


class JournalUnavailable(Exception):
    """The disk takes nothing, or gives nothing back; it may do so again later. `reason` is for the event log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class JournalDamaged(Exception):
    """The file is no sound journal. Nothing was changed in it. The text says what is wrong, for a technician."""


@dataclass(frozen=True)
class Record:
    """One token with its evidence, sealed, under its number."""

    counter: int
    cti: bytes
    sealed: bytes
    since: int
    """Running time of the reader when it was kept, seconds."""

    def digest(self) -> bytes:
        """Over all of it: damage on the disk must not pass for a record."""
        return hashlib.sha256(struct.pack(">QQ", self.counter, self.since) + self.cti + self.sealed).digest()


@dataclass(frozen=True)
class _State:
    counter: int
    previous: bytes
    life: int

    def row(self) -> tuple[int, bytes, int, bytes]:
        return self.counter, self.previous, self.life, self.digest()

    def digest(self) -> bytes:
        return hashlib.sha256(struct.pack(">QQ", self.counter, self.life) + self.previous).digest()


class Journal:
    """The journal in a file. Any thread may call it.

    Every call but `close` raises JournalUnavailable, after which the next one tries the disk again, and JournalDamaged.
    """

    @classmethod
    def make(cls, file: Path) -> "Journal":
        """The journal of a reader that may have none yet: for pairing, never for a reader that has signed.

        Complete under another name first: a file that was cut short must never pass for a new one.
        """
        if not file.exists():
            if _log_of(file).exists():
                raise JournalDamaged(f"{file} is missing, and its {_log_of(file).name} is there")
            fresh = file.with_name(file.name + ".new")
            try:
                for left in (fresh, _log_of(fresh)):
                    left.unlink(missing_ok=True)
                os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                _create(fresh)
                fresh.rename(file)
                folder = os.open(file.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
            except (OSError, sqlite3.Error) as error:
                raise JournalUnavailable(str(error)) from error
        return cls(file)

    def __init__(self, file: Path) -> None:
        """Raises JournalDamaged also where there is no file: then nobody knows which numbers have been used."""
        self._file = file
        self._turn = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._work(lambda database: None)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """No other thread puts, deletes or wipes anything meanwhile."""
        with self._turn:
            yield

    def last(self) -> tuple[int, bytes]:
        """Number and hash of the last token; 0 and FIRST before the first."""
        state = self._work(_state)
        return state.counter, state.previous

    def put(self, cti: bytes, counter: int, digest: bytes, sealed: bytes) -> None:
        """Keep a record; `digest` is its token's hash. It is on the disk when this returns.

        Raises ValueError for any `counter` but the one after the last. Where a failing disk made it raise
        JournalUnavailable, the record may be there all the same: then it counts, and is delivered.
        """

        def put(database: sqlite3.Connection) -> None:
            state = _state(database)
            if counter != state.counter + 1:
                raise ValueError(f"token {counter} after token {state.counter}")
            record = Record(counter, cti, sealed, state.life)
            database.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?)", (counter, cti, sealed, record.since, record.digest())
            )
            database.execute(_PUT_STATE, _State(counter, digest, state.life).row())

        self._work(lambda database: _in_one(database, put))

    def oldest(self) -> Record | None:
        """The record to be delivered next."""
        return self._work(lambda database: next(_records(database, "ORDER BY counter LIMIT 1"), None))

    def undelivered(self) -> int:
        """How many records there are."""
        return self._work(lambda database: int(database.execute("SELECT count(*) FROM record").fetchone()[0]))

    def delivered(self, counter: int) -> None:
        """The terminal has given its last word on this record: erase it. One that is gone already is no error."""
        self._change(lambda database: database.execute("DELETE FROM record WHERE counter = ?", (counter,)))

    def wipe(self) -> int:
        """Erase every record, and return how many; the counter goes on."""

        def wipe(database: sqlite3.Connection) -> int:
            return database.execute("DELETE FROM record").rowcount

        return self._change(wipe)

    def age(self, seconds: int) -> list[bytes]:
        """Add running time, erase the records that have been kept for KEPT_S, and return their token ids."""

        def age(database: sqlite3.Connection) -> list[bytes]:
            state = _state(database)
            life = state.life + seconds
            database.execute(_PUT_STATE, _State(state.counter, state.previous, life).row())
            expired = list(_records(database, "WHERE since <= ? ORDER BY counter", life - KEPT_S))
            database.execute("DELETE FROM record WHERE since <= ?", (life - KEPT_S,))
            return [record.cti for record in expired]

        return self._change(age)

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._turn, suppress(sqlite3.Error):
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction, then the log emptied of what was deleted."""

        def work(database: sqlite3.Connection) -> T:
            result = _in_one(database, change)
            _empty_log(database)
            return result

        return self._work(work)

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            try:
                if self._database is None:
                    _check(self._file)
                    self._database = _open(self._file, "rw")
                return work(self._database)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_FULL:
                    self.close()  # a connection may hold what the disk does not; a full disk alone can still be read
                raise _explained(self._file, error) from error
            except OSError as error:
                raise JournalUnavailable(str(error)) from error
            except UnicodeDecodeError as error:  # SQLite's message quotes the damage, and Python cannot read it
                self.close()
                raise JournalDamaged(f"{self._file} is damaged: its schema") from error


def _in_one(database: sqlite3.Connection, change: Callable[[sqlite3.Connection], T]) -> T:
    """One transaction."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        return change(database)


def _create(file: Path) -> None:
    database = _open(file, "rw")
    try:
        database.executescript(f"PRAGMA application_id = {_FORMAT}; {_TABLES}")
        database.execute(_PUT_STATE, _State(0, FIRST, 0).row())
        _empty_log(database)
    finally:
        database.close()


def _open(file: Path, mode: str) -> sqlite3.Connection:
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
    try:
        database.isolation_level = None
        database.text_factory = lambda text: text.decode("utf-8", "replace")  # what is damaged is told in its words
        if mode == "rw":
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA secure_delete = ON")
            database.execute("PRAGMA wal_autocheckpoint = 0")  # after each change instead, and to the end
    except sqlite3.Error:
        database.close()
        raise
    return database


def _check(file: Path) -> None:
    """Look at everything in the file and its log, without a change to either. Raises JournalDamaged, sqlite3.Error."""
    if not file.exists():
        raise JournalDamaged(f"{file} is missing")
    beside = [one for one in (_log_of(file), file.with_name(file.name + "-shm")) if not one.exists()]
    database = _open(file, "ro")
    try:
        (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        (kind,) = database.execute("PRAGMA application_id").fetchone()
        if found != "ok" or kind != _FORMAT:
            raise JournalDamaged(f"{file} is damaged: {found if found != 'ok' else 'no journal of a reader'}")
        tables = [sql for (sql,) in database.execute("SELECT sql FROM sqlite_schema")]
        if tables != [one.strip() for one in _TABLES.split(";")[:-1]]:  # some damage shows to writers alone
            raise JournalDamaged(f"{file} is damaged: its schema")
        last = _state(database).counter
        if any(record.counter > last for record in _records(database, "ORDER BY counter")):
            raise JournalDamaged(f"{file} is damaged: records beyond the counter")
    finally:
        database.close()
        for one in beside:  # made by looking, and empty
            with suppress(OSError):  # on a disk that takes nothing, nothing was made
                one.unlink()


def _state(database: sqlite3.Connection) -> _State:
    row = database.execute("SELECT counter, previous, life, digest FROM state").fetchone()
    try:
        state = _State(*row[:3])
        sound = state.digest() == row[3]
    except (TypeError, struct.error) as error:
        raise JournalDamaged("the journal's counter is damaged") from error
    if not sound:
        raise JournalDamaged("the journal's counter is damaged")
    return state


def _records(database: sqlite3.Connection, which: str, *values: int) -> Iterator[Record]:
    for row in database.execute(_SEE + which, values):
        try:
            record = Record(*row[:4])
            sound = record.digest() == row[4]
        except (TypeError, struct.error) as error:
            raise JournalDamaged("a record in the journal is damaged") from error
        if not sound:
            raise JournalDamaged("a record in the journal is damaged")
        yield record


def _empty_log(database: sqlite3.Connection) -> None:
    """Bring the log's pages into the file, and cut it to nothing."""
    busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("the log cannot be emptied")


def _log_of(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def _explained(file: Path, error: sqlite3.Error) -> JournalUnavailable | JournalDamaged:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
        return JournalDamaged(f"{file} is damaged: {error}")
    return JournalUnavailable(str(error))
