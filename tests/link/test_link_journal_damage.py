"""A journal that is no journal any more: it is told from a sound one, and nothing is touched."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from test_link_journal import digest, put

from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable

RECORDS = 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with records, as an orderly end leaves it."""
    file = tmp_path / "state" / "journal.db"
    file.parent.mkdir()
    journal = Journal.make(file)
    for counter in range(1, RECORDS + 1):
        put(journal, counter)
    journal.close()
    return file


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def other_file(file: Path) -> None:
    file.write_bytes(b"{}" * 3000)


def other_database(file: Path) -> None:
    file.unlink()
    by_sql("CREATE TABLE state (counter)")(file)


def zeros_inside(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[8192:12288] = bytes(4096)
    file.write_bytes(content)


def by_sql(statement: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(statement)

    return change


DAMAGES = {
    "cut short": cut_short,
    "emptied": emptied,
    "another file": other_file,
    "another database": other_database,
    "a page of zeros": zeros_inside,
    "missing": Path.unlink,
    "counter set back": by_sql("UPDATE state SET counter = 2"),
    "counter forgotten": by_sql("DELETE FROM state"),
    "counter of words": by_sql("UPDATE state SET digest = 'x', previous = 'y'"),
    "table dropped": by_sql("DROP TABLE record"),
    "record changed": by_sql("UPDATE record SET sealed = zeroblob(100) WHERE counter = 3"),
    "record of words": by_sql("UPDATE record SET cti = 'name' WHERE counter = 3"),
    "record of no words": by_sql("UPDATE record SET cti = CAST(x'fffe' AS TEXT) WHERE counter = 3"),
    "record renumbered": by_sql("UPDATE record SET counter = 99 WHERE counter = 3"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_refused_and_not_touched(file: Path, damage: Callable[[Path], None]) -> None:
    damage(file)
    before = {one.name: one.read_bytes() for one in file.parent.iterdir()}
    with pytest.raises(JournalDamaged):
        Journal(file)
    assert {one.name: one.read_bytes() for one in file.parent.iterdir()} == before


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name.startswith("counter")])
def test_a_damaged_counter_is_found_also_where_no_record_waits(file: Path, damage: str) -> None:
    journal = Journal(file)
    journal.wipe()
    journal.close()
    DAMAGES[damage](file)
    with pytest.raises(JournalDamaged):
        Journal(file)


def test_a_log_left_by_a_killed_reader_is_not_touched_either_where_the_file_is_damaged(file: Path) -> None:
    """What a repair could use must still be there."""
    killed(file, RECORDS + 1)
    content = file.read_bytes()
    file.write_bytes(content.replace(bytes(range(100)), bytes(100)))
    before = {one.name: one.read_bytes() for one in file.parent.iterdir()}
    assert before["journal.db-wal"]
    with pytest.raises(JournalDamaged):
        Journal(file)
    assert {one.name: one.read_bytes() for one in file.parent.iterdir()} == before


def test_a_log_whose_journal_was_set_aside_is_not_taken_into_a_new_one(file: Path) -> None:
    killed(file, RECORDS + 1)
    file.unlink()
    with pytest.raises(JournalDamaged, match=r"journal.db-wal is there"):
        Journal.make(file)
    (file.parent / "journal.db-wal").unlink()
    journal = Journal.make(file)
    assert journal.last()[0] == 0
    journal.close()


def test_a_flipped_byte_is_found_or_changes_nothing(file: Path, tmp_path: Path) -> None:
    """200 places, chosen at random: no number, hash or record comes back other than it was put."""
    content, luck = file.read_bytes(), random.Random(7)
    found = 0
    for place in luck.sample(range(len(content)), 200):
        flipped = bytearray(content)
        flipped[place] ^= 1 << luck.randrange(8)
        shutil.rmtree(tmp_path / "flip", ignore_errors=True)
        (tmp_path / "flip").mkdir()
        (tmp_path / "flip" / "journal.db").write_bytes(flipped)
        try:
            journal = Journal(tmp_path / "flip" / "journal.db")
        except (JournalDamaged, JournalUnavailable):
            found += 1
            continue
        assert journal.last() == (RECORDS, digest(RECORDS))
        for counter in range(1, RECORDS + 1):
            oldest = journal.oldest()
            assert oldest is not None and oldest.counter == counter
            assert oldest.sealed[:16] == oldest.cti
            journal.delivered(counter)
        assert journal.oldest() is None
        journal.close()
    assert found > 100


def killed(file: Path, counter: int) -> None:
    """A reader that was killed after it had put one more record."""
    code = (
        "import os, sys; from pathlib import Path; from firmware.link.journal import Journal;"
        "Journal(Path(sys.argv[1])).put(b'c' * 16, int(sys.argv[2]), b'd' * 32, b's' * 9000); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(file), str(counter)]).returncode == 9
