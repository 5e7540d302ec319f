"""What must hold whatever the reader's disk makes of its journal, or somebody who writes to it.

The input is a list of changes to a journal's files: file 1 (0 the database, 1 its log), offset 2, length 1, bytes.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable, Record

_MEMORY = Path("/dev/shm")
_FOLDER = TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
_FILE = Path(_FOLDER.name, "journal.db")
_LOG = _FILE.with_name("journal.db-wal")
_RECORDS: Final = [(bytes([number]) * 16, number, bytes([number + 8]) * 32, b"sealed" * 300) for number in (1, 2)]


def _whole() -> tuple[bytes, bytes]:
    """The database with two records, and a log in which the first is deleted: as a reader leaves it that is killed
    between the two."""
    with closing(Journal.make(_FILE)) as journal:
        for record in _RECORDS:
            journal.put(*record)
    database = _FILE.read_bytes()
    with closing(sqlite3.connect(_FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("DELETE FROM record WHERE counter = 1")
        return database, _LOG.read_bytes()


_WHOLE: Final = _whole()
_KNOWN: Final = [(cti, counter, sealed) for cti, counter, _, sealed in _RECORDS]
SEEDS: Final = [
    b"",
    bytes.fromhex("00 0010 04 10000101"),
    bytes.fromhex("01 0000 04 377f0682"),
    b"\x00\x20\x00\x01\xff",
]


def journal(data: bytes) -> None:
    """A journal on a disk that changed it: what was put, or told to be damaged with not a byte of it touched."""
    files = [bytearray(one) for one in _WHOLE]
    at = 0
    while at + 4 <= len(data):
        file, offset, size = files[data[at] & 1], int.from_bytes(data[at + 1 : at + 3], "big"), data[at + 3]
        change = data[at + 4 : at + 4 + size]
        offset %= len(file)
        file[offset : offset + len(change)] = change
        at += 4 + size
    for stale in Path(_FOLDER.name).iterdir():
        stale.unlink()
    _FILE.write_bytes(files[0])
    _LOG.write_bytes(files[1])
    try:
        opened = Journal(_FILE)
    except (JournalDamaged, JournalUnavailable):
        assert (_FILE.read_bytes(), _LOG.read_bytes()) == tuple(map(bytes, files))
        return
    with closing(opened):
        try:
            _use(opened)
        except (JournalDamaged, JournalUnavailable):
            return


def _use(journal: Journal) -> None:
    counter, _ = journal.last()
    assert counter == len(_RECORDS)
    assert journal.undelivered() <= len(_RECORDS)
    while (record := journal.oldest()) is not None:
        assert _as_put(record) in _KNOWN
        journal.delivered(record.counter)
    journal.put(b"c" * 16, counter + 1, bytes(32), b"next")
    assert journal.oldest() is not None


def _as_put(record: Record) -> tuple[bytes, int, bytes]:
    return record.cti, record.counter, record.sealed
