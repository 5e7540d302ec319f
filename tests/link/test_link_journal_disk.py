"""Disks that are full, broken or read-only: nothing is half kept, and the journal goes on once the disk does."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from small_disk import Disk, FullDisk, broken, full, limited, read_only
from test_link_journal import digest, put

from firmware.link.journal import Journal, JournalUnavailable

DISKS = [full, broken, limited]


@pytest.fixture(params=DISKS, ids=lambda disk: disk.__name__)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    make: Callable[[Path], AbstractContextManager[Disk]] = request.param
    with make(folder) as disk:
        yield disk


def test_a_disk_that_takes_nothing_keeps_nothing_and_later_goes_on_with_the_next_number(disk: Disk) -> None:
    journal = Journal.make(disk.folder / "journal.db")
    put(journal, 1)
    journal.age(1)
    disk.refuse()
    for _ in range(3):
        with pytest.raises(JournalUnavailable):
            put(journal, 2)
    disk.recover()
    assert journal.last() == (1, digest(1))
    put(journal, 2)
    journal.close()
    again = Journal(disk.folder / "journal.db")
    assert (again.last(), again.undelivered()) == ((2, digest(2)), 2)
    again.close()


@pytest.mark.parametrize("disk", [full], indirect=True)
def test_a_full_disk_can_still_be_read_and_says_that_it_is_full(disk: Disk) -> None:
    if not isinstance(disk, FullDisk):
        pytest.skip("missing hardware: no disk may be mounted here")
    journal = Journal.make(disk.folder / "journal.db")
    cti = put(journal, 1)
    disk.refuse()
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="database or disk is full") as error:
            put(journal, 2)
        assert error.value.reason == str(error.value)
        oldest = journal.oldest()
        assert oldest is not None and oldest.cti == cti
    journal.close()
    with pytest.raises(JournalUnavailable, match="database or disk is full"):
        Journal.make(disk.folder / "another.db")
    disk.recover()


def test_a_receipt_that_cannot_be_noted_is_noted_later(disk: Disk) -> None:
    journal = Journal.make(disk.folder / "journal.db")
    cti = put(journal, 1)
    journal.age(1)
    disk.refuse()
    for change in (lambda: journal.delivered(1), journal.wipe, lambda: journal.age(1)):
        with pytest.raises(JournalUnavailable):
            change()
    disk.recover()
    oldest = journal.oldest()
    assert oldest is not None and oldest.cti == cti
    journal.delivered(1)
    assert journal.oldest() is None
    journal.close()


@pytest.mark.parametrize("disk", [*DISKS, read_only], indirect=True, ids=lambda disk: disk.__name__)
def test_a_reader_started_on_a_disk_that_takes_nothing_is_told_so_and_nothing_is_lost(disk: Disk) -> None:
    file = disk.folder / "journal.db"
    journal = Journal.make(file)
    put(journal, 1)
    journal.close()
    disk.refuse()
    with pytest.raises(JournalUnavailable):
        Journal(file).age(1)
    disk.recover()
    again = Journal(file)
    assert (again.last(), again.undelivered()) == ((1, digest(1)), 1)
    again.close()


def test_a_new_journal_on_a_disk_that_takes_nothing_is_made_later(disk: Disk) -> None:
    file = disk.folder / "journal.db"
    disk.refuse()
    with pytest.raises(JournalUnavailable):
        Journal.make(file)
    disk.recover()
    journal = Journal.make(file)
    put(journal, 1)
    journal.close()


def test_no_part_of_a_record_that_was_refused_is_taken_for_a_record(disk: Disk) -> None:
    """The disk fills up inside a transaction, at every size of what is left."""
    journal = Journal.make(disk.folder / "journal.db")
    sealed = hashlib.shake_256(b"record").digest(9400)
    outcomes = set()
    for room in range(24):
        disk.refuse()
        make_room(disk, room * 4096)
        counter = journal.last()[0] + 1
        try:
            journal.put(counter.to_bytes(16, "big"), counter, digest(counter), sealed)
            kept = True
        except JournalUnavailable:
            kept = False
        outcomes.add(kept)
        disk.recover()
        assert journal.last()[0] == (counter if kept else counter - 1)
        assert journal.undelivered() == kept
        if kept:
            journal.delivered(counter)
    assert outcomes == ({False, True} if isinstance(disk, FullDisk) else {False})
    journal.close()


def make_room(disk: Disk, size: int) -> None:
    filler = disk.folder / "filler"
    if filler.exists():
        with filler.open("r+b") as file:
            file.truncate(max(0, filler.stat().st_size - size))
