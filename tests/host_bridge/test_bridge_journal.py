import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from visit_samples import NOW

from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.journal import NONCES_CAP, Journal, StoredToken
from host_bridge.journal_file import JournalUnavailable

CHAIN = (b"\x30\x03abc", b"\x30\x81\x80" + bytes(128))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def token(journal: Journal, number: int = 1) -> StoredToken:
    nonce = journal.issue_nonce("TEST-0001", NOW)
    return StoredToken(bytes([number]) * 16, "TEST-0001", number, CHAIN, nonce, b"token %d" % number, "good", NOW)


def test_a_nonce_outlives_the_process(journal: Journal, tmp_path: Path) -> None:
    nonce = journal.issue_nonce("TEST-0001", NOW)
    other = sqlite3.connect(tmp_path / "journal.db")
    assert other.execute("SELECT nonce, device_id, issued_at, cti FROM nonce").fetchall() == [
        (nonce, "TEST-0001", NOW, None)
    ]
    other.close()


def test_nonces_never_repeat_and_unused_ones_are_forgotten_after_a_week(journal: Journal) -> None:
    first = journal.issue_nonce("TEST-0001", NOW)
    second = journal.issue_nonce("TEST-0001", NOW + 7 * 86400)
    assert first != second
    assert journal.find_nonce(first) is not None
    journal.issue_nonce("TEST-0001", NOW + 7 * 86400 + 1)
    assert journal.find_nonce(first) is None
    assert journal.find_nonce(second) is not None


def test_a_reader_that_asks_for_more_nonces_than_it_has_visits_loses_its_oldest(
    journal: Journal, tmp_path: Path
) -> None:
    stored, other = token(journal), journal.issue_nonce("TEST-0002", NOW)
    journal.store(stored, NOW, b"sealed")
    first, second = journal.issue_nonce("TEST-0001", NOW), journal.issue_nonce("TEST-0001", NOW)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as same:
        rows = [(secrets.token_bytes(32), "TEST-0001", NOW) for _ in range(NONCES_CAP - 2)]
        same.executemany("INSERT INTO nonce VALUES (?, ?, ?, NULL)", rows)
        same.commit()
    assert journal.find_nonce(first) is not None
    journal.issue_nonce("TEST-0001", NOW)
    assert journal.find_nonce(first) is None
    assert all(journal.find_nonce(nonce) is not None for nonce in (second, other, stored.nonce))


def test_an_errand_has_what_the_courier_needs(journal: Journal) -> None:
    stored = token(journal)
    journal.store(stored, NOW - 1, b"sealed")
    (errand,) = journal.errands()
    assert (errand.cti, errand.device_id, errand.chain) == (stored.cti, "TEST-0001", CHAIN)
    assert (errand.token, errand.nonce, errand.visited_at) == (stored.token, stored.nonce, NOW - 1)
    assert (errand.lookup_key_sealed, errand.file_name) == (b"sealed", None)


def test_a_refused_token_changes_no_table(journal: Journal, tmp_path: Path) -> None:
    stored = token(journal)
    journal.store(stored, NOW, b"sealed")
    fresh = token(journal, 2)
    for evil, refusal in (
        (replace(stored, token=b"other bytes"), Refusal.CTI_REUSED),
        (replace(fresh, counter=1), Refusal.COUNTER_REUSED),
        (replace(fresh, nonce=bytes(32)), Refusal.NONCE_UNKNOWN),
        (replace(fresh, device_id="TEST-0002"), Refusal.NONCE_UNKNOWN),
        (replace(fresh, nonce=stored.nonce), Refusal.NONCE_USED),
    ):
        with pytest.raises(TokenRefused) as refused:
            journal.store(evil, NOW, b"sealed")
        assert refused.value.refusal is refusal
    other = sqlite3.connect(tmp_path / "journal.db")
    counts = [other.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("token", "outbox", "device")]
    assert counts == [1, 1, 1]
    assert other.execute("SELECT count(*) FROM nonce WHERE cti IS NOT NULL").fetchone() == (1,)
    other.close()
    journal.store(fresh, NOW, b"sealed")


def test_one_ldevid_has_a_counter_once_and_another_may_count_anew(journal: Journal) -> None:
    journal.store(token(journal), NOW, b"sealed")
    with pytest.raises(TokenRefused):
        journal.store(replace(token(journal, 2), counter=1), NOW, b"sealed")
    paired_anew = replace(token(journal, 3), counter=1, chain=(b"\x30\x03abd", CHAIN[1]))
    assert journal.store(paired_anew, NOW, b"sealed") is None


def test_a_journal_that_cannot_be_opened_is_declared(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="SQLITE_CANTOPEN"):
        Journal(tmp_path / "missing" / "journal.db")
    (tmp_path / "text.db").write_bytes(b"no database, but long enough to be asked what it is" * 20)
    with pytest.raises(JournalUnavailable, match="SQLITE_NOTADB"):
        Journal(tmp_path / "text.db")


def test_a_journal_of_another_version_is_left_alone_and_says_what_to_do(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db")
    old.execute("CREATE TABLE token (cti BLOB)")
    old.execute("PRAGMA user_version = 1")
    old.close()
    before = (tmp_path / "old.db").read_bytes()
    with pytest.raises(JournalUnavailable, match=r"old\.db is of version 1, .* move the file away"):
        Journal(tmp_path / "old.db")
    assert (tmp_path / "old.db").read_bytes() == before


def test_a_journal_that_has_lost_its_content_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalUnavailable, match=r"journal\.db is damaged: put a backup in its place, or move it away"):
        Journal(tmp_path / "journal.db")
    assert (tmp_path / "journal.db").read_bytes() == b""
    (tmp_path / "journal.db").unlink()
    (tmp_path / "journal.db.new").write_bytes(b"what a machine that stopped has left")
    Journal(tmp_path / "journal.db").close()


def test_damage_that_no_text_can_hold_is_refused_as_damage(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.db").close()
    damaged = (tmp_path / "journal.db").read_bytes()
    for sound, unsound in ((b"tabletokentoken", b"table\xb0\xff\xfeentoken"), (b"TABLE token (", b"TABLE token ((")):
        assert sound in damaged
        damaged = damaged.replace(sound, unsound[: len(sound)])
    (tmp_path / "damaged.db").write_bytes(damaged)
    with pytest.raises(JournalUnavailable, match=r"SQLITE_CORRUPT: .*damaged\.db is damaged: put a backup"):
        Journal(tmp_path / "damaged.db")


def test_a_journal_with_a_damaged_page_is_refused_at_the_start(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    for number in range(1, 40):
        journal.store(token(journal, number), NOW, b"sealed")
    journal.close()
    damaged = bytearray((tmp_path / "journal.db").read_bytes())
    for page in range(2 * 4096, len(damaged), 4096):
        damaged[page : page + 64] = b"\xff" * 64
    (tmp_path / "damaged.db").write_bytes(damaged)
    with pytest.raises(JournalUnavailable, match=r"SQLITE_CORRUPT: .*damaged\.db is damaged: put a backup"):
        Journal(tmp_path / "damaged.db")
