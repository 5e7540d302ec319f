import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from visit_samples import NOW

from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.journal import NONCES_CAP, Errand, IssuedNonce, Journal, KeptVisit, StoredToken
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


def test_any_number_of_threads_may_ask_at_once(journal: Journal) -> None:
    with ThreadPoolExecutor(8) as askers:
        nonces = list(askers.map(lambda _: journal.issue_nonce("TEST-0001", NOW), range(100)))
        assert len(set(nonces)) == 100
        assert all(askers.map(journal.find_nonce, nonces))


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


def test_a_nonce_is_used_by_the_token_that_holds_it_and_by_no_other(journal: Journal) -> None:
    stored, unused = token(journal), journal.issue_nonce("TEST-0002", NOW + 1)
    journal.store(stored, NOW, b"sealed")
    assert journal.find_nonce(stored.nonce) == IssuedNonce(stored.nonce, "TEST-0001", NOW, used=True)
    assert journal.find_nonce(unused) == IssuedNonce(unused, "TEST-0002", NOW + 1, used=False)
    assert journal.find_nonce(bytes(32)) is None


def test_a_token_is_held_under_the_certificate_that_signed_it_alone(journal: Journal) -> None:
    stored = token(journal)
    assert not journal.holds(stored.token, CHAIN[0])
    journal.store(stored, NOW, b"sealed")
    assert journal.holds(stored.token, CHAIN[0])
    assert not journal.holds(stored.token, CHAIN[1])
    assert not journal.holds(b"other bytes", CHAIN[0])


def test_an_errand_has_what_the_courier_needs_from_its_first_day_to_its_last(journal: Journal) -> None:
    stored, later = token(journal), token(journal, 2)
    journal.store(stored, NOW - 1, b"sealed")
    journal.store(later, NOW - 2, b"sealed too")
    first = Errand(stored.cti, "TEST-0001", CHAIN, stored.nonce, stored.token, NOW - 1, b"sealed", None)
    second = Errand(later.cti, "TEST-0001", CHAIN, later.nonce, later.token, NOW - 2, b"sealed too", None)
    assert journal.errands() == (first, second)
    journal.prepared(stored.cti, "file.xml")
    assert journal.errands() == (replace(first, file_name="file.xml"), second)
    journal.delivered(stored.cti, NOW + 1)
    journal.prepared(stored.cti, "another.xml")
    assert journal.errands() == (second,)
    assert journal.recent_visits(0, 9)[0].file_name == "file.xml"


def test_the_visits_of_late_are_told_with_what_became_of_them(journal: Journal) -> None:
    for number in (1, 2, 3):
        journal.store(token(journal, number), NOW + number, b"sealed")
    third = token(journal, 4)
    journal.store(replace(third, certificate_status="revoked", received_at=NOW + 9), NOW + 4, b"sealed")
    journal.prepared(third.cti, "file.xml")
    journal.delivered(third.cti, NOW + 10)
    told = journal.recent_visits(NOW + 2, 9)
    assert [visit.cti[0] for visit in told] == [3, 4]
    assert [visit.cti[0] for visit in journal.recent_visits(0, 3)] == [2, 3, 4]
    assert told[1] == KeptVisit(
        third.cti, "TEST-0001", CHAIN, third.nonce, third.token, "revoked", NOW + 9, NOW + 4, "file.xml", NOW + 10
    )
    assert (told[0].file_name, told[0].delivered_at) == (None, None)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70_000])
def test_a_chain_comes_back_as_it_was_whatever_the_size_of_its_certificates(journal: Journal, size: int) -> None:
    stated = bytes([size]) if size < 128 else b"\x83" + size.to_bytes(3, "big")
    one = b"\x30" + stated + bytes(range(256)) * (size // 256) + bytes(size % 256)
    chain = (one, CHAIN[0], one)
    journal.store(replace(token(journal), chain=chain), NOW, b"sealed")
    assert [errand.chain for errand in journal.errands()] == [chain]


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


def test_the_counter_before_is_that_of_the_ldevid_or_else_of_its_device(journal: Journal) -> None:
    renewed = (b"\x30\x03abd", CHAIN[1])
    assert journal.store(token(journal, 1), NOW, b"sealed") is None
    assert journal.store(token(journal, 2), NOW, b"sealed") == 1
    assert journal.store(replace(token(journal, 3), chain=renewed), NOW, b"sealed") == 2
    assert journal.store(replace(token(journal, 7), chain=renewed), NOW, b"sealed") == 3
    assert journal.store(token(journal, 4), NOW, b"sealed") == 2
    elsewhere = replace(token(journal, 9), device_id="TEST-0002", nonce=journal.issue_nonce("TEST-0002", NOW))
    assert journal.store(replace(elsewhere, chain=(b"\x30\x03abe",)), NOW, b"sealed") is None


def test_a_journal_that_cannot_be_opened_is_declared(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="SQLITE_CANTOPEN"):
        Journal(tmp_path / "missing" / "journal.db")
    with pytest.raises(JournalUnavailable, match=r"^OSError: .* cannot be opened: see that its folder is there"):
        Journal(tmp_path / ("n" * 300))
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(
        JournalUnavailable, match=r"^SQLITE_CANTOPEN: .* cannot be opened: see that its folder is there"
    ):
        Journal(tmp_path / "folder.db")
    (tmp_path / "text.db").write_bytes(b"no database, but long enough to be asked what it is" * 20)
    with pytest.raises(JournalUnavailable, match="SQLITE_NOTADB"):
        Journal(tmp_path / "text.db")


def test_a_journal_of_another_version_is_left_alone_and_says_what_to_do(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "old.db")
    old.execute("CREATE TABLE token (cti BLOB)")
    old.execute("PRAGMA user_version = 1")
    old.close()
    before = (tmp_path / "old.db").read_bytes()
    advice = (
        r"^version: .*old\.db is of version 1, this program keeps version 2:"
        " start the program that wrote it, or move the file away to begin a new journal$"
    )
    with pytest.raises(JournalUnavailable, match=advice) as error:
        Journal(tmp_path / "old.db")
    assert error.value.reason == "version"
    assert (tmp_path / "old.db").read_bytes() == before


def test_a_journal_that_has_lost_its_content_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    with pytest.raises(
        JournalUnavailable, match=r"^SQLITE_NOTADB: .*journal\.db is damaged: put a backup in its place"
    ):
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
