"""The journal on a disk that fills up, is read-only, or loses the file: what is acknowledged is there."""

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from bridge_rig import Bridge, Delivery
from visit_samples import World
from window_rig import snapshot

from host_bridge.journal import Journal
from host_bridge.journal_file import JournalUnavailable

PAGE = 4096


@contextmanager
def no_file_grows() -> Iterator[None]:
    """As on a full disk, for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass
class SmallDisk:
    """A disk of one megabyte."""

    folder: Path

    def fill(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
            while True:
                ballast.write(bytes(PAGE))

    def free(self) -> None:
        (self.folder / "ballast").unlink()

    def turn(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("missing hardware: no disk may be mounted here")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_bridge_that_finds_no_space_when_it_is_made_says_what_to_do(disk: SmallDisk) -> None:
    disk.fill()
    line = [sys.executable, "-m", "host_bridge", "init", "--identity", str(disk.folder / "identity")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "free some space on that disk" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def numbered(bridge: Bridge, number: int) -> Delivery:
    return bridge.visit(cti=b"visit %010d" % number, counter=number)


def stored(bridge: Bridge) -> list[bytes]:
    """What a bridge finds that is started on the files."""
    bridge.journal.close()
    bridge.open()
    return [errand.cti for errand in bridge.journal.errands()]


def assert_refuses(bridge: Bridge, delivery: Delivery) -> None:
    accepted = len(bridge.events("token_stored"))
    with pytest.raises(JournalUnavailable):
        bridge.deliver(delivery)
    assert len(bridge.events("token_stored")) == accepted


def test_where_no_file_can_grow_nothing_is_acknowledged_and_later_everything_is(bridge: Bridge) -> None:
    delivery = bridge.visit()
    with no_file_grows():
        assert_refuses(bridge, delivery)
        assert_refuses(bridge, delivery)
        with pytest.raises(JournalUnavailable):
            bridge.desk.open_visit("TEST-0001")
    assert bridge.deliver(delivery) is None
    assert stored(bridge) == [delivery.cti]


def test_a_full_disk_acknowledges_nothing_and_one_with_room_again_goes_on_by_itself(
    disk: SmallDisk, world: World
) -> None:
    bridge = Bridge(disk.folder, world)
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    disk.fill()
    for _ in range(3):
        assert_refuses(bridge, second)
    with pytest.raises(JournalUnavailable, match=r"^SQLITE_FULL$") as refused:
        bridge.desk.open_visit("TEST-0001")
    assert refused.value.reason == "SQLITE_FULL"
    disk.free()
    assert bridge.deliver(second) is None
    assert bridge.deliver(numbered(bridge, 3)) is None
    assert stored(bridge) == [first.cti, second.cti, b"visit 0000000003"]
    bridge.journal.close()


def test_a_disk_that_fills_between_any_two_writes_loses_nothing(disk: SmallDisk, world: World) -> None:
    """A few pages less each time: it runs full in the log, in its index, or at a checkpoint."""
    bridge = Bridge(disk.folder, world)
    kept = []
    for number in range(1, 25):
        delivery = numbered(bridge, number)
        disk.fill()
        os.truncate(disk.folder / "ballast", (disk.folder / "ballast").stat().st_size - (number % 8) * PAGE)
        try:
            accepted = bridge.deliver(delivery) is None
        except JournalUnavailable:
            accepted = False
        disk.free()
        if not accepted:
            assert bridge.deliver(delivery) is None
        kept.append(delivery.cti)
        assert stored(bridge) == kept
    bridge.journal.close()


def test_a_read_only_disk_is_declared_at_the_start(disk: SmallDisk) -> None:
    Journal(disk.folder / "journal.db").close()
    disk.turn("ro")
    with pytest.raises(JournalUnavailable, match="may be written"):
        Journal(disk.folder / "journal.db")
    disk.turn("rw")
    Journal(disk.folder / "journal.db").close()


def test_a_journal_deleted_under_a_running_bridge_is_written_anew_with_all_it_held(bridge: Bridge) -> None:
    first, second, third = (numbered(bridge, number) for number in (1, 2, 3))
    assert bridge.deliver(first) is None
    (bridge.folder / "journal.db").unlink()
    assert bridge.deliver(second) is None
    assert bridge.deliver(third) is None
    assert stored(bridge) == [first.cti, second.cti, third.cti]


def test_all_files_of_the_journal_deleted_are_written_anew(bridge: Bridge) -> None:
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    for file in bridge.folder.glob("journal.db*"):
        file.unlink()
    assert bridge.deliver(second) is None
    assert stored(bridge) == [first.cti, second.cti]


def test_a_deleted_log_costs_no_token(bridge: Bridge) -> None:
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    (bridge.folder / "journal.db-wal").unlink()
    assert bridge.deliver(second) is None
    assert stored(bridge) == [first.cti, second.cti]


def test_a_deleted_journal_on_a_full_disk_acknowledges_nothing(disk: SmallDisk, world: World) -> None:
    bridge = Bridge(disk.folder, world)
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    (disk.folder / "journal.db").unlink()
    disk.fill()
    assert_refuses(bridge, second)
    disk.free()
    assert bridge.deliver(second) is None
    assert stored(bridge) == [first.cti, second.cti]
    bridge.journal.close()


def test_what_a_crash_left_saved_is_put_back_without_the_log_of_the_file_that_was_deleted(bridge: Bridge) -> None:
    first, second = numbered(bridge, 1), numbered(bridge, 2)
    assert bridge.deliver(first) is None
    log = (bridge.folder / "journal.db-wal").read_bytes()
    assert bridge.deliver(second) is None
    bridge.journal.close()
    (bridge.folder / "journal.db").rename(bridge.folder / "journal.db.saved")
    (bridge.folder / "journal.db-wal").write_bytes(log)
    bridge.open()
    assert [errand.cti for errand in bridge.journal.errands()] == [first.cti, second.cti]


def test_what_was_saved_is_not_put_over_a_journal_that_is_there(bridge: Bridge) -> None:
    (bridge.folder / "journal.db.saved").write_bytes((bridge.folder / "journal.db").read_bytes())
    delivery = bridge.visit()
    assert bridge.deliver(delivery) is None
    assert stored(bridge) == [delivery.cti]


def test_a_log_whose_journal_is_missing_is_not_thrown_away_for_a_new_journal(bridge: Bridge, tmp_path: Path) -> None:
    """As after a power cut, when somebody moved the journal and not its log."""
    delivery = bridge.visit()
    assert bridge.deliver(delivery) is None
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        (killed / name).write_bytes((bridge.folder / name).read_bytes())
    (killed / "journal.db").rename(killed / "away")
    log = (killed / "journal.db-wal").read_bytes()
    advice = r"^log_alone: .* is missing.*: put the file back beside it, or move the log away too and keep it$"
    with pytest.raises(JournalUnavailable, match=advice) as error:
        Journal(killed / "journal.db")
    assert error.value.reason == "log_alone"
    assert {file.name for file in killed.iterdir()} == {"away", "journal.db-wal"}
    assert (killed / "journal.db-wal").read_bytes() == log
    (killed / "away").rename(killed / "journal.db")
    with closing(Journal(killed / "journal.db")) as journal:
        assert [errand.cti for errand in journal.errands()] == [delivery.cti]


def test_a_running_bridge_never_begins_a_new_journal(bridge: Bridge) -> None:
    """Or it would refuse for good what the lost one had promised a nonce to."""
    delivery = bridge.visit()
    with no_file_grows():
        assert_refuses(bridge, delivery)
    for file in bridge.folder.glob("journal.db*"):
        file.rename(file.with_name(f"away-{file.name}"))
    assert_refuses(bridge, delivery)
    assert list(bridge.folder.glob("journal.db*")) == []
    for file in bridge.folder.glob("away-*"):
        file.rename(file.with_name(file.name.removeprefix("away-")))
    assert bridge.deliver(delivery) is None


def test_a_journal_replaced_under_a_running_bridge_acknowledges_nothing_and_then_counts_as_it_is(
    bridge: Bridge, tmp_path: Path
) -> None:
    Journal(tmp_path / "other.db").close()
    delivery = bridge.visit()
    (tmp_path / "other.db").replace(bridge.folder / "journal.db")
    with pytest.raises(
        JournalUnavailable, match=r"^replaced: .*journal\.db was replaced while it was in use$"
    ) as error:
        bridge.deliver(delivery)
    assert error.value.reason == "replaced"
    assert bridge.deliver(delivery) == "nonce_unknown"
    assert stored(bridge) == []


def test_the_key_to_a_patient_is_erased_later_where_the_log_cannot_be_emptied_now(
    disk: SmallDisk, world: World
) -> None:
    """A few pages of room more each time: from none for the log to enough for all it holds."""
    bridge = Bridge(disk.folder, world)

    def found(key: bytes) -> bool:
        return any(key in file.read_bytes() for file in bridge.folder.glob("journal.db*"))

    outcomes = set()
    for pages in range(12):
        for number in range(3 * pages + 1, 3 * pages + 4):
            assert bridge.deliver(numbered(bridge, number)) is None
        errand, *others = bridge.journal.errands()
        disk.fill()
        os.truncate(disk.folder / "ballast", (disk.folder / "ballast").stat().st_size - pages * PAGE)
        try:
            bridge.journal.delivered(errand.cti, int(bridge.now))
            done = True
        except JournalUnavailable:
            done = False
        assert bridge.journal.errands() == tuple(others if done else [errand, *others])
        outcomes.add((done, found(errand.lookup_key_sealed)))
        disk.free()
        for one in (errand, *others):
            bridge.journal.delivered(one.cti, int(bridge.now))
        assert not found(errand.lookup_key_sealed)
    assert outcomes == {(False, True), (True, True), (True, False)}
    bridge.journal.close()


def test_a_journal_damaged_while_it_is_in_use_acknowledges_nothing(bridge: Bridge) -> None:
    assert bridge.deliver(numbered(bridge, 1)) is None
    with closing(sqlite3.connect(bridge.folder / "journal.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    later = numbered(bridge, 2)
    size = (bridge.folder / "journal.db").stat().st_size
    (bridge.folder / "journal.db").write_bytes(b"\xff" * size)
    (bridge.folder / "journal.db-wal").write_bytes(b"\xff" * PAGE)
    for _ in range(3):
        assert_refuses(bridge, later)
    with pytest.raises(JournalUnavailable, match="is damaged: put a backup in its place"):
        bridge.kill()
    bridge.journal = Journal(bridge.folder / "anew.db")


def test_the_reception_is_told_while_visits_cannot_be_stored_and_when_they_can_again(bridge: Bridge) -> None:
    delivery = bridge.visit()
    with no_file_grows():
        assert not bridge.courier.deliver_all() or bridge.journal.errands() == ()
        assert_refuses(bridge, delivery)
        assert not bridge.courier.deliver_all()
    assert list(snapshot(bridge)["troubles"]) == ["journal"]
    assert bridge.deliver(delivery) is None
    assert snapshot(bridge)["troubles"] == {}
