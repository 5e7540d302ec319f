"""The tables of the reader's journal, and every statement that is put to SQLite about them."""

from typing import Final

OUR_KIND: Final = 0x46435231
"""application_id of the file, "FCR1"."""
SET_KIND: Final = f"PRAGMA application_id = {OUR_KIND}"
TABLES: Final = (
    """CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL, previous BLOB NOT NULL, life INTEGER NOT NULL, digest BLOB NOT NULL)""",
    """CREATE TABLE record (
    counter INTEGER PRIMARY KEY,
    cti BLOB NOT NULL, sealed BLOB NOT NULL, since INTEGER NOT NULL, digest BLOB NOT NULL)""",
)
SETTINGS: Final = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 0",  # after each change instead, and to the end
)
"""Of a connection that writes."""
EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
BEGIN: Final = "BEGIN IMMEDIATE"

PUT_STATE: Final = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?, ?)"
STATE: Final = "SELECT counter, previous, life, digest FROM state"
PUT_RECORD: Final = "INSERT INTO record VALUES (?, ?, ?, ?, ?)"
RECORDS: Final = "SELECT counter, cti, sealed, since, digest FROM record"
OLDEST: Final = f"{RECORDS} ORDER BY counter LIMIT 1"
EXPIRED: Final = f"{RECORDS} WHERE since <= ? ORDER BY counter"
COUNT: Final = "SELECT count(*) FROM record"
ERASE: Final = "DELETE FROM record WHERE counter = ?"
ERASE_EXPIRED: Final = "DELETE FROM record WHERE since <= ?"
ERASE_ALL: Final = "DELETE FROM record"

FAULT: Final = "PRAGMA quick_check(1)"
KIND: Final = "PRAGMA application_id"
FOUND_TABLES: Final = "SELECT sql FROM sqlite_schema"
