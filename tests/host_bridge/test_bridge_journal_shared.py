"""The bridge's journal while other programs read its files, delete or replace them."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from bridge_rig import Bridge
from test_bridge_disk import numbered, stored

from host_bridge.journal import Journal
from host_bridge.journal_file import JournalUnavailable


def test_a_journal_deleted_while_another_program_reads_it_is_written_anew_all_the_same(bridge: Bridge) -> None:
    first, second, third = (numbered(bridge, number) for number in (1, 2, 3))
    assert bridge.deliver(first) is None
    code = (
        "import sqlite3, sys; other = sqlite3.connect(sys.argv[1], isolation_level=None); other.execute('BEGIN');"
        "print(*other.execute('SELECT count(*) FROM token').fetchone(), flush=True); sys.stdin.read()"
    )
    line = [sys.executable, "-c", code, str(bridge.folder / "journal.db")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"1\n"
        (bridge.folder / "journal.db").unlink()
        assert bridge.deliver(second) is None
        assert bridge.deliver(third) is None
        assert stored(bridge) == [first.cti, second.cti, third.cti]
        other.communicate()


def test_a_journal_replaced_together_with_its_log_counts_with_what_is_in_that_log(
    bridge: Bridge, tmp_path: Path
) -> None:
    with closing(Journal(tmp_path / "other.db")) as other:
        nonce = other.issue_nonce("TEST-0001", int(bridge.now))
        for ending in ("", "-wal"):
            (bridge.folder / "fresh").write_bytes((tmp_path / f"other.db{ending}").read_bytes())
            (bridge.folder / "fresh").replace(bridge.folder / f"journal.db{ending}")
    with pytest.raises(JournalUnavailable, match=r"^replaced: "):
        bridge.journal.find_nonce(nonce)
    assert bridge.journal.find_nonce(nonce) is not None


def test_a_log_deleted_while_another_program_reads_acknowledges_nothing_until_that_has_ended(bridge: Bridge) -> None:
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    with closing(sqlite3.connect(bridge.folder / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM token").fetchone()
        (bridge.folder / "journal.db-wal").unlink()
        with pytest.raises(JournalUnavailable, match=r"^log_deleted$"):
            bridge.deliver(second)
    assert bridge.deliver(second) is None
    assert stored(bridge) == [first.cti, second.cti]
