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


def unreadable_name(file: Path) -> None:
    """SQLite complains of this table, in bytes that are no text."""
    content = file.read_bytes()
    for sound, unsound in (
        (b"tablerecordrecord", b"table\xb0\xff\xfeordrecord"),
        (b"TABLE record (", b"TABLE record(("),
    ):
        assert content.count(sound) == 1
        content = content.replace(sound, unsound)
    file.write_bytes(content)


def by_sql(statement: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(statement)

    return change


COUNTER = r"^the journal's counter is damaged$"
RECORD = r"^a record in the journal is damaged$"
SCHEMA = r"journal\.db is damaged: its schema$"
FOREIGN = r"journal\.db is damaged: no journal of a reader$"

DAMAGES = {
    "cut short": (cut_short, r"journal\.db is damaged: database disk image is malformed$"),
    "emptied": (emptied, FOREIGN),
    "another file": (other_file, r"journal\.db is damaged: file is not a database$"),
    "another database": (other_database, FOREIGN),
    "a page of zeros": (zeros_inside, r"(?s)journal\.db is damaged: .*Page 3"),
    "missing": (Path.unlink, r"journal\.db is missing$"),
    "counter set back": (by_sql("UPDATE state SET counter = 2"), COUNTER),
    "counter forgotten": (by_sql("DELETE FROM state"), COUNTER),
    "counter of words": (by_sql("UPDATE state SET digest = 'x', previous = 'y'"), COUNTER),
    "counter below nothing": (by_sql("UPDATE state SET counter = -1"), COUNTER),
    "table dropped": (by_sql("DROP TABLE record"), SCHEMA),
    "table of no words": (unreadable_name, SCHEMA),
    "table altered": (by_sql("ALTER TABLE record ADD COLUMN more"), SCHEMA),
    "record changed": (by_sql("UPDATE record SET sealed = zeroblob(100) WHERE counter = 3"), RECORD),
    "record of words": (by_sql("UPDATE record SET cti = 'name' WHERE counter = 3"), RECORD),
    "record of no words": (by_sql("UPDATE record SET cti = CAST(x'fffe' AS TEXT) WHERE counter = 3"), RECORD),
    "record renumbered": (by_sql("UPDATE record SET counter = 99 WHERE counter = 3"), RECORD),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_refused_and_not_touched(file: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(file)
    before = {one.name: one.read_bytes() for one in file.parent.iterdir()}
    with pytest.raises(JournalDamaged, match=words):
        Journal(file)
    assert {one.name: one.read_bytes() for one in file.parent.iterdir()} == before


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name.startswith("counter")])
def test_a_damaged_counter_is_found_also_where_no_record_waits(file: Path, damage: str) -> None:
    journal = Journal(file)
    journal.wipe()
    journal.close()
    change, words = DAMAGES[damage]
    change(file)
    with pytest.raises(JournalDamaged, match=words):
        Journal(file)


def test_a_record_beyond_the_counter_is_damage(file: Path, tmp_path: Path) -> None:
    """A counter that was set back whole, with the hash that belonged to it: its numbers would be used again."""
    before = tmp_path / "before.db"
    journal = Journal.make(before)
    put(journal, 1)
    journal.close()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("ATTACH ? AS before", (str(before),))
        database.execute("INSERT OR REPLACE INTO state SELECT * FROM before.state")
    with pytest.raises(JournalDamaged, match=r"journal\.db is damaged: records beyond the counter$"):
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
