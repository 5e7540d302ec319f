"""The bridge's journal: every nonce, token and errand on disk before anybody is told of it."""

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.journal_file import JournalFile

_NONCE_KEPT_S: Final = 7 * 24 * 3600
"""An unused nonce is forgotten after this; it has expired long before."""
NONCES_CAP: Final = 1000
"""Unused nonces of one reader: more than it can have visits under way. The oldest is forgotten for the newest, or a
reader that asks and asks would fill the terminal's disk."""

_VERSION: Final = 2
_SCHEMA: Final = """
CREATE TABLE device (
    certificate_sha256 BLOB PRIMARY KEY,
    device_id TEXT NOT NULL,
    chain BLOB NOT NULL
) STRICT;
CREATE TABLE nonce (
    nonce BLOB PRIMARY KEY,
    device_id TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    cti BLOB UNIQUE
) STRICT;
CREATE TABLE token (
    cti BLOB PRIMARY KEY,
    device_id TEXT NOT NULL,
    counter INTEGER NOT NULL,
    certificate_sha256 BLOB NOT NULL REFERENCES device,
    nonce BLOB NOT NULL REFERENCES nonce,
    token BLOB NOT NULL UNIQUE,
    certificate_status TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    UNIQUE (certificate_sha256, counter)
) STRICT;
CREATE TABLE outbox (
    cti BLOB PRIMARY KEY REFERENCES token,
    visited_at INTEGER NOT NULL,
    lookup_key_sealed BLOB,
    file_name TEXT,
    delivered_at INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (cti) WHERE delivered_at IS NULL;
"""

_FORGET_OLD: Final = "DELETE FROM nonce WHERE cti IS NULL AND issued_at < ?"
_FORGET_BEYOND: Final = """DELETE FROM nonce WHERE rowid IN (
    SELECT rowid FROM nonce WHERE cti IS NULL AND device_id = ? ORDER BY rowid DESC LIMIT -1 OFFSET ?)"""
_ISSUE: Final = "INSERT INTO nonce VALUES (?, ?, ?, NULL)"
_ISSUED: Final = "SELECT device_id, issued_at, cti FROM nonce WHERE nonce = ?"
_USE_OF: Final = "SELECT cti FROM nonce WHERE nonce = ? AND device_id = ?"
_USE: Final = "UPDATE nonce SET cti = ? WHERE nonce = ?"

_HELD: Final = "SELECT 1 FROM token WHERE token = ? AND certificate_sha256 = ?"
_CTI_HELD: Final = "SELECT 1 FROM token WHERE cti = ?"
_COUNTER_HELD: Final = "SELECT 1 FROM token WHERE certificate_sha256 = ? AND counter = ?"
_LAST_OF_CERTIFICATE: Final = "SELECT counter FROM token WHERE certificate_sha256 = ? ORDER BY rowid DESC LIMIT 1"
_LAST_OF_DEVICE: Final = "SELECT counter FROM token WHERE device_id = ? ORDER BY rowid DESC LIMIT 1"
_PUT_DEVICE: Final = "INSERT OR IGNORE INTO device VALUES (?, ?, ?)"
_PUT_TOKEN: Final = "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

_PUT_ERRAND: Final = "INSERT INTO outbox VALUES (?, ?, ?, NULL, NULL)"
_ERRANDS: Final = """SELECT cti, token.device_id, chain, nonce, token, visited_at, lookup_key_sealed, file_name
    FROM outbox JOIN token USING (cti) JOIN device USING (certificate_sha256)
    WHERE delivered_at IS NULL ORDER BY token.rowid"""
_RECENT: Final = """SELECT cti, token.device_id, chain, nonce, token, certificate_status, received_at, visited_at,
    file_name, delivered_at FROM outbox JOIN token USING (cti) JOIN device USING (certificate_sha256)
    WHERE token.rowid > (SELECT max(rowid) FROM token) - ? AND visited_at > ? ORDER BY token.rowid"""
_PREPARED: Final = "UPDATE outbox SET file_name = ? WHERE cti = ? AND delivered_at IS NULL"
_DELIVERED: Final = """UPDATE outbox SET delivered_at = ?, lookup_key_sealed = NULL
    WHERE cti = ? AND delivered_at IS NULL"""


@dataclass(frozen=True)
class IssuedNonce:
    """A nonce as the bridge remembers it."""

    nonce: bytes
    device_id: str
    issued_at: int
    used: bool


@dataclass(frozen=True)
class StoredToken:
    """A verified token, with what it takes to verify it again."""

    cti: bytes
    device_id: str
    counter: int
    chain: tuple[bytes, ...]
    """DER certificates, LDevID first."""
    nonce: bytes
    token: bytes
    certificate_status: str
    """What was known of the patient's certificate when the token came."""
    received_at: int


@dataclass(frozen=True)
class Errand:
    """A stored visit that has not left the bridge yet."""

    cti: bytes
    device_id: str
    chain: tuple[bytes, ...]
    nonce: bytes
    token: bytes
    visited_at: int
    lookup_key_sealed: bytes
    file_name: str | None
    """The finished work file, once there is one."""


@dataclass(frozen=True)
class KeptVisit:
    """A stored visit with what became of it."""

    cti: bytes
    device_id: str
    chain: tuple[bytes, ...]
    nonce: bytes
    token: bytes
    certificate_status: str
    received_at: int
    visited_at: int
    file_name: str | None
    delivered_at: int | None
    """When its file was handed over."""


class Journal:
    """Each call returns once its outcome is on disk. Every call raises JournalUnavailable when that cannot be."""

    def __init__(self, file: Path) -> None:
        """Open the journal, making it if there is none. Raises JournalUnavailable."""
        self._file = JournalFile(file, _SCHEMA, _VERSION)

    def close(self) -> None:
        self._file.close()

    def issue_nonce(self, device_id: str, now: int) -> bytes:
        """A fresh nonce of 32 random bytes for one visit at this reader."""
        nonce = secrets.token_bytes(32)

        def write(db: sqlite3.Connection) -> None:
            db.execute(_FORGET_OLD, (now - _NONCE_KEPT_S,))
            db.execute(_FORGET_BEYOND, (device_id, NONCES_CAP - 1))
            db.execute(_ISSUE, (nonce, device_id, now))

        self._file.transact(write)
        return nonce

    def find_nonce(self, nonce: bytes) -> IssuedNonce | None:
        """The record of a nonce, if this bridge issued it."""

        def read(db: sqlite3.Connection) -> IssuedNonce | None:
            row = db.execute(_ISSUED, (nonce,)).fetchone()
            return row and IssuedNonce(nonce, row[0], row[1], row[2] is not None)

        return self._file.transact(read)

    def holds(self, token: bytes, certificate: bytes) -> bool:
        """Whether exactly this token, signed under this LDevID (DER), is stored already."""
        wanted = (token, hashlib.sha256(certificate).digest())
        return self._file.transact(lambda db: db.execute(_HELD, wanted).fetchone() is not None)

    def store(self, stored: StoredToken, visited_at: int, lookup_key_sealed: bytes) -> int | None:
        """Token, its nonce's use and the errand it causes, in one transaction.

        Returns the counter that was stored last before it, under this LDevID, or else where that is new and the count
        goes on, under the device's one before; None where there is nothing to go on from.
        Raises TokenRefused: CTI_REUSED, COUNTER_REUSED, NONCE_UNKNOWN, NONCE_USED.
        """
        return self._file.transact(lambda db: _store(db, stored, visited_at, lookup_key_sealed))

    def errands(self) -> tuple[Errand, ...]:
        """What has not been delivered, oldest first."""
        rows = self._file.transact(lambda db: db.execute(_ERRANDS).fetchall())
        return tuple(Errand(row[0], row[1], split_chain(row[2]), *row[3:]) for row in rows)

    def recent_visits(self, since: int, most: int) -> tuple[KeptVisit, ...]:
        """Of the `most` visits stored last, those that took place after `since` (seconds since 1970), oldest first."""
        rows = self._file.transact(lambda db: db.execute(_RECENT, (most, since)).fetchall())
        return tuple(KeptVisit(row[0], row[1], split_chain(row[2]), *row[3:]) for row in rows)

    def prepared(self, cti: bytes, file_name: str | None) -> None:
        """Remember the finished work file of an errand, or that there is none after all."""
        self._file.transact(lambda db: db.execute(_PREPARED, (file_name, cti)))

    def delivered(self, cti: bytes, now: int) -> None:
        """An errand is done: erase what could find the patient."""
        self._file.transact(lambda db: db.execute(_DELIVERED, (now, cti)), erasing=True)


def split_chain(chain: bytes) -> tuple[bytes, ...]:
    """DER certificates written one after the other: each says its own length (X.690 section 8.1.3)."""
    certificates = []
    while chain:
        size = chain[1] & 0x7F if chain[1] & 0x80 else 0
        length = 2 + size + (int.from_bytes(chain[2 : 2 + size]) if size else chain[1])
        certificates.append(chain[:length])
        chain = chain[length:]
    return tuple(certificates)


def _store(db: sqlite3.Connection, stored: StoredToken, visited_at: int, lookup_key_sealed: bytes) -> int | None:
    if db.execute(_CTI_HELD, (stored.cti,)).fetchone():
        raise TokenRefused(Refusal.CTI_REUSED)
    thumbprint = hashlib.sha256(stored.chain[0]).digest()
    if db.execute(_COUNTER_HELD, (thumbprint, stored.counter)).fetchone():
        raise TokenRefused(Refusal.COUNTER_REUSED)
    nonce = db.execute(_USE_OF, (stored.nonce, stored.device_id)).fetchone()
    if nonce is None:
        raise TokenRefused(Refusal.NONCE_UNKNOWN)
    if nonce[0] is not None:
        raise TokenRefused(Refusal.NONCE_USED)
    last = _last_counter(db, stored, thumbprint)
    db.execute(_PUT_DEVICE, (thumbprint, stored.device_id, b"".join(stored.chain)))
    db.execute(_USE, (stored.cti, stored.nonce))
    db.execute(
        _PUT_TOKEN,
        (
            stored.cti,
            stored.device_id,
            stored.counter,
            thumbprint,
            stored.nonce,
            stored.token,
            stored.certificate_status,
            stored.received_at,
        ),
    )
    db.execute(_PUT_ERRAND, (stored.cti, visited_at, lookup_key_sealed))
    return last


def _last_counter(db: sqlite3.Connection, stored: StoredToken, thumbprint: bytes) -> int | None:
    row = db.execute(_LAST_OF_CERTIFICATE, (thumbprint,)).fetchone()
    if row is None and stored.counter != 1:  # 1: paired anew, and counting anew
        row = db.execute(_LAST_OF_DEVICE, (stored.device_id,)).fetchone()
    return row and int(row[0])
