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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from firmware.link import journal_sql as sql
from firmware.token.claims import FIRST

KEPT_S: Final = 7 * 24 * 3600
"""A record that no terminal has taken in so much running time is wiped."""
ROOM: Final = 64 << 10
"""Bytes that the largest record may take for a while: its pages in the log, and in the file."""

_NUMBERS: Final = struct.Struct(">QQ")
"""As a digest takes them."""

T = TypeVar("T")
Row = TypeVar("Row", "Record", "_State")


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

    def row(self) -> tuple[int, bytes, bytes, int, bytes]:
        return self.counter, self.cti, self.sealed, self.since, self.digest()

    def digest(self) -> bytes:
        """Over all of it: damage on the disk must not pass for a record."""
        return hashlib.sha256(_NUMBERS.pack(self.counter, self.since) + self.cti + self.sealed).digest()


@dataclass(frozen=True)
class _State:
    counter: int
    previous: bytes
    life: int

    def row(self) -> tuple[int, bytes, int, bytes]:
        return self.counter, self.previous, self.life, self.digest()

    def digest(self) -> bytes:
        return hashlib.sha256(_NUMBERS.pack(self.counter, self.life) + self.previous).digest()


class Journal:
    """The journal in a file. Any thread may call it.

    Every call but `has_room` and `close` raises JournalDamaged, and JournalUnavailable, after which the next one tries
    the disk again.
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
            database.execute(sql.PUT_RECORD, Record(counter, cti, sealed, state.life).row())
            database.execute(sql.PUT_STATE, _State(counter, digest, state.life).row())

        self._work(lambda database: _in_one(database, put))

    def oldest(self) -> Record | None:
        """The record to be delivered next."""
        return self._work(lambda database: next(_records(database, sql.OLDEST), None))

    def undelivered(self) -> int:
        """How many records there are."""
        return self._work(lambda database: int(database.execute(sql.COUNT).fetchone()[0]))

    def delivered(self, counter: int) -> None:
        """The terminal has given its last word on this record: erase it. One that is gone already is no error."""
        self._change(lambda database: database.execute(sql.ERASE, (counter,)))

    def wipe(self) -> int:
        """Erase every record, and return how many; the counter goes on."""
        return self._change(lambda database: database.execute(sql.ERASE_ALL).rowcount)

    def age(self, seconds: int) -> list[bytes]:
        """Add running time, erase the records that have been kept for KEPT_S, and return their token ids."""

        def age(database: sqlite3.Connection) -> list[bytes]:
            state = _state(database)
            life = state.life + seconds
            database.execute(sql.PUT_STATE, _State(state.counter, state.previous, life).row())
            expired = [record.cti for record in _records(database, sql.EXPIRED, life - KEPT_S)]
            database.execute(sql.ERASE_EXPIRED, (life - KEPT_S,))
            return expired

        return self._change(age)

    def has_room(self) -> bool:
        """Whether the disk has room for the next record; a smaller write may fit where a record does not."""
        try:
            disk = os.statvfs(self._file.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize >= ROOM

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._turn:
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
        database.execute(sql.BEGIN)
        return change(database)


def _create(file: Path) -> None:
    database = _open(file, "rw")
    try:
        for statement in (sql.SET_KIND, *sql.TABLES):
            database.execute(statement)
        database.execute(sql.PUT_STATE, _State(0, FIRST, 0).row())
        _empty_log(database)
    finally:
        database.close()


def _open(file: Path, mode: str) -> sqlite3.Connection:
    """`mode` is "ro" or "rw"."""
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
    try:
        database.isolation_level = None
        database.text_factory = lambda text: text.decode(errors="replace")  # what is damaged is told in its words
        if mode == "rw":
            for setting in sql.SETTINGS:
                database.execute(setting)
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
        (found,) = database.execute(sql.FAULT).fetchone()
        (kind,) = database.execute(sql.KIND).fetchone()
        if found != "ok" or kind != sql.OUR_KIND:
            raise JournalDamaged(f"{file} is damaged: {found if found != 'ok' else 'no journal of a reader'}")
        tables = tuple(table for (table,) in database.execute(sql.FOUND_TABLES))
        if tables != sql.TABLES:  # some damage shows to writers alone
            raise JournalDamaged(f"{file} is damaged: its schema")
        last = _state(database).counter
        if any(record.counter > last for record in _records(database, sql.RECORDS)):
            raise JournalDamaged(f"{file} is damaged: records beyond the counter")
    finally:
        database.close()
        for one in beside:  # made by looking, and empty
            with suppress(OSError):  # on a disk that takes nothing, nothing was made
                one.unlink()


def _state(database: sqlite3.Connection) -> _State:
    return _sound(_State, database.execute(sql.STATE).fetchone(), "the journal's counter is damaged")


def _records(database: sqlite3.Connection, query: str, *values: int) -> Iterator[Record]:
    for row in database.execute(query, values):
        yield _sound(Record, row, "a record in the journal is damaged")


def _sound(kind: type[Row], row: Sequence[Any] | None, complaint: str) -> Row:
    """What the row says, where its digest, which comes last, is right. Raises JournalDamaged."""
    with suppress(TypeError, ValueError, struct.error):  # no row, or other values than are written there
        *values, digest = row or ()
        found = kind(*values)
        if found.digest() == digest:
            return found
    raise JournalDamaged(complaint)


def _empty_log(database: sqlite3.Connection) -> None:
    """Bring the log's pages into the file, and cut it to nothing."""
    busy, _, _ = database.execute(sql.EMPTY_LOG).fetchone()
    if busy:
        raise sqlite3.OperationalError("the log cannot be emptied")


def _log_of(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def _explained(file: Path, error: sqlite3.Error) -> JournalUnavailable | JournalDamaged:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
        return JournalDamaged(f"{file} is damaged: {error}")
    return JournalUnavailable(str(error))
