"""The journal's file: SQLite in WAL mode with synchronous=FULL, one connection, owned by one thread.

After an error the connection is thrown away and the next call opens the file anew, so that a disk that has room again
needs nobody's hand. A file that was deleted under the running bridge is written anew from what the connection still
holds; one that was replaced is taken as it is, once what could not be stored has been refused.
"""

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from host_bridge.durable import sync_folder

_T = TypeVar("_T")
_KEEPING: Final = ("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_CONSTRAINT")
"""Errors after which the connection is as good as before."""
_NO_DATABASE: Final = "SQLITE_NOTADB"
_CORRUPT: Final = "SQLITE_CORRUPT"

# beside the file
_NEW: Final = ".new"
_SAVING: Final = ".saving"
_SAVED: Final = ".saved"
_LOG: Final = "-wal"
_INDEX: Final = "-shm"
"""Of the log."""

_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_BEGIN: Final = "BEGIN IMMEDIATE"
_COMMIT: Final = "COMMIT"
_ROLLBACK: Final = "ROLLBACK"
_EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
_SAVE: Final = "VACUUM INTO ?"
_VERSION: Final = "PRAGMA user_version"
_FAULT: Final = "PRAGMA quick_check(1)"


class JournalUnavailable(Exception):
    """Nothing can be stored or read now, so nothing may be acknowledged. `reason` is SQLite's name of the error, or
    one of ours; the text says more where there is more to say."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(f"{reason}: {advice}" if advice else reason)
        self.reason = reason


class JournalFile:
    """Runs transactions; each returns once its outcome is on disk."""

    def __init__(self, file: Path, schema: str, version: int) -> None:
        """Open the file, making it if there is none. Raises JournalUnavailable."""
        self._file = file
        self._schema = schema
        self._version = version
        self._owner = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._db: sqlite3.Connection | None = None
        self._places: tuple[int | None, int | None] = (None, None)
        try:
            self._owner.submit(self._start).result()
        except JournalUnavailable:
            self._owner.shutdown()
            raise

    def close(self) -> None:
        """Nothing may be asked after it."""
        self._owner.submit(self._disconnect).result()
        self._owner.shutdown()

    def transact(self, work: Callable[[sqlite3.Connection], _T], *, erasing: bool = False) -> _T:
        """Do `work` in one transaction; what it raises undoes it. `erasing`: what it overwrites is to be nowhere in
        the files any more. Raises JournalUnavailable."""
        return self._owner.submit(self._transact, work, erasing).result()

    # the owner's thread, from here on

    def _transact(self, work: Callable[[sqlite3.Connection], _T], erasing: bool) -> _T:
        db = self._db or self._connect()
        try:
            db.execute(_BEGIN)
            try:
                result = work(db)
                db.execute(_COMMIT)
            finally:
                if db.in_transaction:
                    db.execute(_ROLLBACK)
            self._stay_in_place(db)
            if erasing and self._db is not None:
                _empty_log(self._db)
        except (sqlite3.Error, OSError) as error:
            reason = _reason(error)
            if not reason.startswith(_KEEPING):
                self._disconnect()
            raise JournalUnavailable(reason) from error
        return result

    def _start(self) -> None:
        try:
            if not self._file.exists() and not self._beside(_SAVED).exists():
                self._refuse_lone_log()
                self._make()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(_reason(error)) from error
        self._connect()

    def _make(self) -> None:
        """Whole under another name first: a file that lost its content must not pass for a new one."""
        fresh = self._beside(_NEW)
        fresh.unlink(missing_ok=True)
        db = sqlite3.connect(fresh, isolation_level=None)
        try:
            db.executescript(f"BEGIN; {self._schema} PRAGMA user_version = {self._version}; COMMIT;")
        finally:
            db.close()
        fresh.replace(self._file)
        sync_folder(self._file.parent)

    def _connect(self) -> sqlite3.Connection:
        saved = self._beside(_SAVED)
        try:
            if not self._file.exists() and saved.exists():
                self._put_back(saved)
            uri = f"{self._file.absolute().as_uri()}?mode=rw"
            db = sqlite3.connect(uri, uri=True, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(_reason(error)) from error
        try:
            self._check_version(db)
            for setting in _SETTINGS:
                db.execute(setting)
            self._check(db)
            db.execute(_BEGIN)  # the write-ahead log is there from now on
            db.execute(_COMMIT)
            _empty_log(db)  # a crash may have come between a transaction that erased and this
            self._places = self._look()
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            db.close()
            raise self._unavailable(_reason(error)) from error
        except JournalUnavailable:
            db.close()
            raise
        self._db = db
        return db

    def _refuse_lone_log(self) -> None:
        """Where the file is missing, SQLite would begin a new one and delete its log, with what was acknowledged last.

        Raises JournalUnavailable.
        """
        log = self._beside(_LOG)
        if log.exists() and log.stat().st_size:
            raise JournalUnavailable(
                "log_alone",
                f"{self._file}: ありません。受付の残る {log.name} だけがあります。"
                f"ファイルを戻すか、{log.name} も移して保管してください"
                f" / {self._file} is missing, and its {log.name} is there, with visits in it: put the file back beside"
                " it, or move the log away too and keep it",
            )

    def _check_version(self, db: sqlite3.Connection) -> None:
        """Raises JournalUnavailable for a file of another version, or of none, which stays as it is."""
        (version,) = db.execute(_VERSION).fetchone()
        if version == 0:
            raise self._unavailable(_NO_DATABASE)
        if version != self._version:
            raise JournalUnavailable(
                "version",
                f"{self._file}: 別の版の記録です。書いたプログラムを使うか、移して保管してください"
                f" / {self._file} is of version {version}, this program keeps version {self._version}: start the"
                " program that wrote it, or move the file away to begin a new journal",
            )

    def _check(self, db: sqlite3.Connection) -> None:
        """Raises JournalUnavailable for a damaged file."""
        (found,) = db.execute(_FAULT).fetchone()
        if found != "ok":
            raise self._unavailable(_CORRUPT)

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _stay_in_place(self, db: sqlite3.Connection) -> None:
        """What was committed must be in the files of this name, not in files that have none any more.

        Raises JournalUnavailable, sqlite3.Error, OSError.
        """
        main, log = self._look()
        if (main, log) == self._places:
            return
        if main is None:
            self._save(db)
        elif main != self._places[0]:
            self._disconnect()
            if log is not None and log == self._places[1]:
                self._drop_log()
            raise JournalUnavailable("replaced", f"{self._file} was replaced while it was in use")
        else:
            (blocked, _, _) = db.execute(_EMPTY_LOG).fetchone()
            if blocked:
                raise JournalUnavailable("log_deleted")
            self._disconnect()
        self._connect()

    def _save(self, db: sqlite3.Connection) -> None:
        """Write the file anew; whole, then under a name that a start finds, then in its place."""
        saving, saved = self._beside(_SAVING), self._beside(_SAVED)
        saving.unlink(missing_ok=True)
        db.execute(_SAVE, (str(saving),))
        with saving.open("rb") as file:
            os.fsync(file.fileno())
        saving.replace(saved)
        self._disconnect()
        self._put_back(saved)

    def _drop_log(self) -> None:
        """Of a file that is gone: its pages must not get into the one that takes its place."""
        for ending in (_LOG, _INDEX):
            self._beside(ending).unlink(missing_ok=True)

    def _put_back(self, saved: Path) -> None:
        self._drop_log()
        saved.replace(self._file)
        sync_folder(self._file.parent)

    def _look(self) -> tuple[int | None, int | None]:
        """The files that have the names now: the database and its write-ahead log."""
        return _inode(self._file), _inode(self._beside(_LOG))

    def _beside(self, ending: str) -> Path:
        return self._file.with_name(self._file.name + ending)

    def _unavailable(self, reason: str) -> JournalUnavailable:
        """The error of a file that cannot be opened, with what to do."""
        advice = (
            f"{self._file}: 開けません。フォルダー・権限・空き容量を確かめてください"
            f" / {self._file} cannot be opened: see that its folder is there, may be written, and has room"
        )
        if reason in (_CORRUPT, _NO_DATABASE):
            advice = (
                f"{self._file}: 壊れています。バックアップに替えるか、-wal とともに移して保管してください"
                f" / {self._file} is damaged: put a backup in its place, or move it away (with its -wal) and keep it"
            )
        return JournalUnavailable(reason, advice)


def _empty_log(db: sqlite3.Connection) -> None:
    """Bring the log's pages into the file, and cut it to nothing: what was erased still lies in older pages of it.
    Where that cannot be now (no room, somebody reading), the next one does it."""
    with suppress(sqlite3.Error):
        db.execute(_EMPTY_LOG)


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None


def _reason(error: sqlite3.Error | OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes the damage, and Python cannot read it
        return _CORRUPT
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
