"""The journal: what is put is there, once, under its number; what is deleted is nowhere."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firmware.link.journal import KEPT_S, Journal, JournalUnavailable, Record
from firmware.token.claims import FIRST

SEALED = bytes(range(256)) * 36


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.make(tmp_path / "journal.db")
    yield journal
    journal.close()


def put(journal: Journal, counter: int) -> bytes:
    """The token id of the record that was put."""
    cti = hashlib.sha256(b"%d" % counter).digest()[:16]
    journal.put(cti, counter, digest(counter), cti + SEALED)
    return cti


def digest(counter: int) -> bytes:
    return hashlib.sha256(b"token %d" % counter).digest()


def on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_new_journal_counts_from_nothing(journal: Journal) -> None:
    assert journal.last() == (0, FIRST)
    assert journal.oldest() is None


def test_a_record_and_its_number_are_there_together_also_for_the_next_program(journal: Journal, tmp_path: Path) -> None:
    cti = put(journal, 1)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.last() == (1, digest(1))
    assert again.oldest() == Record(1, cti, cti + SEALED, 0)
    again.close()


def test_records_come_oldest_first_and_go_with_their_receipt(journal: Journal) -> None:
    ctis = [put(journal, counter) for counter in (1, 2, 3)]
    for counter, cti in enumerate(ctis, 1):
        oldest = journal.oldest()
        assert oldest is not None and (oldest.counter, oldest.cti) == (counter, cti)
        journal.delivered(counter)
    assert (journal.oldest(), journal.last()) == (None, (3, digest(3)))
    journal.delivered(3)  # the receipt came twice


@pytest.mark.parametrize("counter", [0, 1, 3, -1])
def test_a_number_that_is_used_or_left_out_is_not_taken(journal: Journal, counter: int) -> None:
    put(journal, 1)
    with pytest.raises(ValueError, match=f"^token {counter} after token 1$"):
        journal.put(b"c" * 16, counter, digest(counter), SEALED)
    assert (journal.last(), journal.undelivered()) == ((1, digest(1)), 1)


def test_a_delivered_record_is_nowhere_on_the_disk_while_the_others_are(journal: Journal, tmp_path: Path) -> None:
    gone, *kept = (put(journal, counter) for counter in (1, 2, 3))
    assert gone in on_disk(tmp_path)
    journal.delivered(1)
    content = on_disk(tmp_path)
    assert gone not in content
    assert all(cti in content for cti in kept)
    journal.delivered(3)
    journal.delivered(2)
    assert SEALED[:64] not in on_disk(tmp_path)


def test_unpairing_wipes_the_records_and_keeps_the_number(journal: Journal, tmp_path: Path) -> None:
    for counter in (1, 2, 3):
        put(journal, counter)
    assert journal.wipe() == 3
    assert (journal.oldest(), journal.last()) == (None, (3, digest(3)))
    assert SEALED[:64] not in on_disk(tmp_path)
    put(journal, 4)


def test_a_record_is_wiped_after_a_week_of_running_time_over_all_restarts(journal: Journal, tmp_path: Path) -> None:
    old = put(journal, 1)
    assert journal.age(KEPT_S // 2) == []
    young = put(journal, 2)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.age(KEPT_S // 2 - 1) == []
    assert again.age(1) == [old]
    oldest = again.oldest()
    assert oldest is not None and oldest.cti == young
    assert old not in on_disk(tmp_path)
    assert again.age(KEPT_S // 2) == [young]
    again.close()


def test_records_that_wait_do_not_let_the_log_grow_for_ever(journal: Journal, tmp_path: Path) -> None:
    for counter in range(1, 30):
        put(journal, counter)
    journal.age(60)
    assert (tmp_path / "journal.db-wal").stat().st_size == 0


def test_the_journal_is_for_its_owner_alone(journal: Journal, tmp_path: Path) -> None:
    put(journal, 1)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert (tmp_path / "journal.db-wal").exists()


def test_making_a_journal_where_there_is_one_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    put(journal, 1)
    journal.close()
    again = Journal.make(tmp_path / "journal.db")
    assert (again.last(), again.undelivered()) == ((1, digest(1)), 1)
    again.close()


def test_what_a_pairing_that_was_cut_short_left_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    for name in ("journal.db.new", "journal.db.new-wal"):
        (tmp_path / name).write_bytes(b"half a file" * 1000)
    journal = Journal.make(tmp_path / "journal.db")
    put(journal, 1)
    journal.close()
    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]
    again = Journal(tmp_path / "journal.db")
    assert (again.last(), again.undelivered()) == ((1, digest(1)), 1)
    again.close()


def test_a_journal_whose_folder_is_missing_is_made_once_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "state" / "journal.db"
    with pytest.raises(JournalUnavailable, match="No such file or directory") as error:
        Journal.make(file)
    assert error.value.reason == str(error.value)
    file.parent.mkdir()
    Journal.make(file).close()


def test_a_journal_that_cannot_be_looked_for_is_unavailable_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="File name too long"):
        Journal(tmp_path / ("n" * 300))


def test_any_thread_may_put_and_waits_for_its_turn(journal: Journal) -> None:
    with ThreadPoolExecutor(1) as other:
        with journal.turn():
            putting = other.submit(put, journal, 1)
            with pytest.raises(TimeoutError):
                putting.result(timeout=0.1)
            assert journal.undelivered() == 0
        putting.result()
    assert journal.undelivered() == 1
