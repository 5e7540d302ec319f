"""The folder of a reader: one program at a time, and what unpairing leaves."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from link_bench import keep, local, pair

from board.sim.keystore import make_device
from firmware.link.journal import Journal, JournalDamaged
from firmware.link.state import StateInUse, alone, journal_file, open_journal, open_keys
from host_bridge.identity import BridgeIdentity, create_bridge

TOKEN = bytes(range(250)) * 3


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "bridge")


@pytest.fixture
def state(tmp_path: Path, bridge: BridgeIdentity) -> Path:
    """Of a reader that is paired."""
    make_device(tmp_path / "device" / "identity", "READER-0001")
    pair(bridge, tmp_path / "device")
    return tmp_path / "device"


def unpair(state: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "firmware", "unpair", "--state", str(state), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])


def signed(state: Path, bridge: BridgeIdentity, count: int) -> None:
    journal = Journal(journal_file(state))
    for number in range(count):
        keep(journal, bridge, bytes([number]) + TOKEN[1:])
    journal.close()


def test_unpairing_forgets_the_terminal_and_keeps_the_count(state: Path, bridge: BridgeIdentity) -> None:
    signed(state, bridge, 1)
    journal = Journal(journal_file(state))
    journal.delivered(1)
    journal.close()
    done = unpair(state)
    assert done.returncode == 0 and done.stdout.startswith("登録を解除しました")
    assert done.stdout.endswith(" / not paired any more; 0 undelivered visits wiped\n")
    assert open_keys(state).local() is None
    assert {file.parent.name for file in state.rglob("key.pem")} == {"idevid"}
    journal = open_journal(state, paired=False)
    assert journal.last()[0] == 1
    journal.close()


def test_unpairing_refuses_while_visits_have_not_reached_the_terminal(state: Path, bridge: BridgeIdentity) -> None:
    signed(state, bridge, 2)
    journal = Journal(journal_file(state))
    record = journal.oldest()
    assert record is not None
    journal.close()
    before = {file: file.read_bytes() for file in state.rglob("*.pem")}
    done = unpair(state)
    assert done.returncode == 1
    assert "2 visits have not reached the terminal" in done.stderr and "--discard" in done.stderr
    assert {file: file.read_bytes() for file in state.rglob("*.pem")} == before
    done = unpair(state, "--discard")
    assert done.returncode == 0 and "2件を消しました / not paired any more; 2 undelivered visits wiped" in done.stdout
    assert open_keys(state).local() is None
    on_disk = b"".join(file.read_bytes() for file in state.glob("journal*"))
    assert record.cti not in on_disk and record.sealed[:64] not in on_disk


def test_a_reader_that_is_running_is_not_unpaired_nor_started_a_second_time(state: Path) -> None:
    with alone(state):
        done = unpair(state)
        assert done.returncode == 1 and "a reader is running on this folder; end it first" in done.stderr
        with pytest.raises(StateInUse), alone(state):
            pass
    assert open_keys(state).local() is not None
    with alone(state):  # and afterwards it is free again
        pass


def test_a_damaged_journal_is_explained_and_once_set_aside_the_reader_is_paired_anew(
    state: Path, bridge: BridgeIdentity, tmp_path: Path
) -> None:
    signed(state, bridge, 2)
    file = journal_file(state)
    file.write_bytes(b"damaged")
    done = unpair(state, "--discard")
    assert done.returncode == 1 and open_keys(state).local() is not None
    assert f"Move {file}* to another place" in done.stderr and "unpair --state" in done.stderr
    assert file.read_bytes() == b"damaged"
    file.rename(tmp_path / "kept")
    with pytest.raises(JournalDamaged, match="is missing"):  # nobody knows which numbers this identity has used
        open_journal(state, paired=True)
    assert unpair(state).returncode == 0
    old = bridge.devices.folder / "READER-0001.pem"
    keys = pair(bridge, state)
    assert bridge.devices.serving(local(keys).chain()[0]) == "READER-0001" and old.exists()
    signed(state, bridge, 1)


def test_a_reader_that_never_was_paired_can_be_unpaired(tmp_path: Path) -> None:
    make_device(tmp_path / "new" / "identity", "READER-0002")
    assert unpair(tmp_path / "new").returncode == 0


def test_the_lock_can_be_held_by_nobody_but_the_reader_s_user(state: Path) -> None:
    assert unpair(state).returncode == 0
    assert stat.S_IMODE((state / "lock").stat().st_mode) == 0o600


def test_a_folder_of_something_else_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    done = unpair(tmp_path / "else")
    assert done.returncode == 1 and "correct --state" in done.stderr
    assert list((tmp_path / "else").iterdir()) == []


@pytest.mark.parametrize("name", ["idevid/key.pem", "idevid/chain.pem", "ldevid/key.pem"])
def test_a_damaged_key_is_told_by_its_folder(state: Path, name: str) -> None:
    (state / "identity" / name).write_bytes(b"damaged")
    done = unpair(state)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"{state}/identity: 鍵か証明書が壊れています" in done.stderr and "restore the folder" in done.stderr


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    done = unpair(tmp_path / "nowhere")
    assert done.returncode == 1 and "nowhere" in done.stderr and "Traceback" not in done.stderr
