"""The machine loses its power: what a journal has acknowledged is there when it starts again."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware.link.journal import Journal as ReaderJournal
from firmware.link.journal import Record
from firmware.token.claims import FIRST
from host_bridge.journal import Journal as BridgeJournal
from host_bridge.journal import StoredToken

NOW = 1_800_000_000
CHAIN = (b"\x30\x03abc",)


@dataclass
class Machine:
    """Its disk is an image, which holds what was really written to it."""

    folder: Path
    image: Path

    @contextmanager
    def started_again(self) -> Iterator[Path]:
        """The disk as it is when the power goes now."""
        copy, folder = self.image.with_name("copy"), self.image.with_name("again")
        shutil.copyfile(self.image, copy)
        folder.mkdir(exist_ok=True)
        with mounted(copy, folder):
            yield folder / "journal.db"


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    done = subprocess.run(["mount", "-o", "loop,commit=300", image, folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("missing hardware: no disk may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "disk", tmp_path / "image")
    machine.folder.mkdir()
    with machine.image.open("wb") as image:
        image.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", machine.image], check=True)
    with mounted(machine.image, machine.folder):
        yield machine


def test_the_reader_has_every_record_it_kept_and_none_that_it_erased(machine: Machine) -> None:
    with closing(ReaderJournal.make(machine.folder / "journal.db")) as journal:
        with machine.started_again() as file, closing(ReaderJournal(file)) as again:
            assert again.last() == (0, FIRST)
        for counter in (1, 2):
            journal.put(bytes([counter]) * 16, counter, b"d" * 32, b"s" * 9000)
            with machine.started_again() as file, closing(ReaderJournal(file)) as again:
                assert (again.last(), again.undelivered()) == ((counter, b"d" * 32), counter)
        journal.delivered(1)
        with machine.started_again() as file, closing(ReaderJournal(file)) as again:
            assert (again.oldest(), again.undelivered()) == (Record(2, b"\x02" * 16, b"s" * 9000, 0), 1)


def test_the_bridge_has_every_nonce_it_issued_and_every_visit_it_acknowledged(machine: Machine) -> None:
    with closing(BridgeJournal(machine.folder / "journal.db")) as journal:
        with machine.started_again() as file:
            assert file.exists()
        nonce = journal.issue_nonce("TEST-0001", NOW)
        with machine.started_again() as file, closing(BridgeJournal(file)) as again:
            assert again.find_nonce(nonce) is not None
        journal.store(StoredToken(b"c" * 16, "TEST-0001", 1, CHAIN, nonce, b"token", "good", NOW), NOW, b"sealed")
        with machine.started_again() as file, closing(BridgeJournal(file)) as again:
            assert [errand.cti for errand in again.errands()] == [b"c" * 16]
        journal.delivered(b"c" * 16, NOW)
        with machine.started_again() as file, closing(BridgeJournal(file)) as again:
            assert again.errands() == ()


def test_a_bridge_whose_journal_was_deleted_has_written_it_anew_before_it_acknowledges(machine: Machine) -> None:
    with closing(BridgeJournal(machine.folder / "journal.db")) as journal:
        first = journal.issue_nonce("TEST-0001", NOW)
        (machine.folder / "journal.db").unlink()
        second = journal.issue_nonce("TEST-0001", NOW)
        with machine.started_again() as file, closing(BridgeJournal(file)) as again:
            assert all(again.find_nonce(nonce) is not None for nonce in (first, second))
