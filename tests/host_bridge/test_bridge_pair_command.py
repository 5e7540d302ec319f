"""`kiosk-bridge pair`, `devices`, `unpair` and `deny` as a technician runs them; the reader is on a pseudo terminal."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bridge_rig import CONFIG, config
from cryptography.hazmat.primitives.serialization import Encoding
from pairing_rig import DEVICE, Device, Maker, ReaderEnd

from host_bridge.alone import alone
from host_bridge.identity import BridgeIdentity, create_bridge

PATIENCE_S = 20.0


@dataclass
class Run:
    """The command, with what it has said."""

    program: subprocess.Popen[bytes]
    said: str = ""
    _heard: int = 0

    def until(self, *texts: str) -> None:
        """Read on until one of these has been said after what the last call waited for."""
        assert self.program.stdout is not None
        end = time.monotonic() + PATIENCE_S
        while not (found := [text for text in texts if text in self.said[self._heard :]]):
            ready, _, _ = select.select([self.program.stdout], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(self.program.stdout.fileno(), 4096) if ready else b""
            assert piece, f"{texts} not said: {self.said}"
            self.said += piece.decode()
        self._heard = self.said.index(found[0], self._heard) + len(found[0])

    def type(self, line: str) -> None:
        assert self.program.stdin is not None
        self.program.stdin.write(f"{line}\n".encode(errors="surrogateescape"))
        self.program.stdin.flush()

    def end(self) -> str:
        """What it said at its end."""
        rest, error = self.program.communicate(timeout=PATIENCE_S)
        self.said += rest.decode()
        return error.decode()


@dataclass
class Place:
    """A terminal with a bridge's folder, and a port with a reader on it once `plugged`."""

    folder: Path
    maker: Maker = field(default_factory=Maker)

    def __post_init__(self) -> None:
        self.identity: BridgeIdentity = create_bridge(self.folder / "identity")
        self.config = config(self.folder, CONFIG)
        (self.folder / "maker_root.pem").write_bytes(self.maker.certificate.public_bytes(Encoding.PEM))
        now = datetime.now(UTC)
        listed = self.maker.revocations(since=now - timedelta(days=1), until=now + timedelta(days=30))
        (self.folder / "maker_revoked.pem").write_bytes(listed)
        self.reader = ReaderEnd(Device(self.maker))

    @contextmanager
    def plugged(self) -> Iterator[None]:
        """The reader on the port, served by a thread."""
        master, slave = os.openpty()
        tty.setraw(slave)
        (self.folder / "terminal").symlink_to(os.ttyname(slave))
        stop = threading.Event()
        thread = threading.Thread(target=self._serve, args=(master, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            (self.folder / "terminal").unlink()
            os.close(slave)
            os.close(master)

    def _serve(self, master: int, stop: threading.Event) -> None:
        while not stop.is_set():
            ready, _, _ = select.select([master], [], [], 0.02)
            now = time.monotonic_ns() // 1_000_000
            self.reader.feed(os.read(master, 4096) if ready else b"", now)
            self.reader.tick(now)
            if out := self.reader.steps.output():
                os.write(master, out)

    @contextmanager
    def running(self, command: str, *arguments: str) -> Iterator[Run]:
        line = [sys.executable, "-m", "host_bridge", command, *arguments, "--config", str(self.config)]
        pipe = subprocess.PIPE
        strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}  # as in a Japanese terminal
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, env=strict) as program:
            try:
                yield Run(program)
            finally:
                program.kill()

    def run(self, command: str, *arguments: str) -> tuple[int, str]:
        with self.running(command, *arguments) as run:
            error = run.end()
            return run.program.returncode, run.said + error

    def issued(self) -> list[str]:
        return sorted(file.name for file in self.identity.devices.folder.glob("*.pem"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_reader_is_paired_by_typing_its_code_and_touching_its_button(place: Place) -> None:
    with place.plugged(), place.running("pair") as run:
        run.until("six digits")
        assert f"リーダー {DEVICE}" in run.said
        assert place.issued() == []
        run.type(" １２ ")
        run.until("please type six digits")
        run.type("\udc82\udca0")  # Shift JIS
        run.until("please type six digits")
        run.type(f"{place.reader.code[:3]} {place.reader.code[3:]}")
        run.until("touch the button")
        assert run.end() == ""
    assert run.program.returncode == 0
    assert f"Paired with {DEVICE}." in run.said.splitlines()[-1]
    assert place.identity.devices.serving(place.reader.issued) == DEVICE
    code, said = place.run("devices")
    _, row = said.splitlines()
    assert code == 0
    assert row.split()[:3] == [DEVICE, "Test", "maker"]
    assert "not seen yet" not in row
    assert row.endswith("-")


def test_three_wrong_codes_issue_nothing_and_the_reader_is_told(place: Place) -> None:
    with place.plugged(), place.running("pair") as run:
        for left in (2, 1):
            run.until("six digits")
            wrong = "000000" if place.reader.code != "000000" else "111111"
            run.type(wrong)
            run.until(f"({left} more)")
        run.until("six digits")
        run.type(wrong)
        error = run.end()
    assert run.program.returncode == 1
    assert "Nothing was issued" in error
    assert "→" in error
    assert (place.issued(), place.reader.told, place.reader.issued) == ([], "code", b"")


def test_a_list_that_the_maker_has_to_send_is_asked_for_with_its_place(place: Place) -> None:
    (place.folder / "maker_revoked.pem").unlink()
    with place.plugged():
        code, said = place.run("pair")
    assert code == 1
    assert f"put it at {place.folder / 'maker_revoked.pem'}" in said
    assert place.reader.told == "maker_list_missing"


def test_while_it_waits_it_says_for_what_and_goes_on_by_itself(place: Place) -> None:
    with place.running("pair") as run:
        run.until("There is no port")
        run.until("still waiting")
        with place.plugged():
            run.until("six digits")
            run.program.send_signal(signal.SIGINT)
            error = run.end()
    assert run.program.returncode == 1
    assert "中止しました / stopped" in error
    assert "Traceback" not in error
    assert (place.issued(), place.reader.told) == ([], "stopped")


def test_an_input_that_ends_is_told_and_nothing_is_issued(place: Place) -> None:
    with place.plugged(), place.running("pair") as run:
        run.until("six digits")
        assert "標準入力が閉じています" in run.end()
    assert (place.issued(), place.reader.told) == ([], "no_input")


def test_without_any_input_no_reader_is_looked_for(place: Place) -> None:
    line = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "host_bridge", "pair", "--config", place.config]
    with place.plugged():
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, place.reader.greeted) == (1, 0)
    assert "run the same command in a terminal" in done.stderr and "Traceback" not in done.stderr


def test_a_reader_that_lets_one_wait_is_told_to_be_checked(place: Place) -> None:
    place.reader.silent_after = 0
    with place.plugged(), place.running("pair") as run:
        run.until("Checking the reader")


def test_a_port_that_is_no_serial_port_is_told_as_that(place: Place) -> None:
    (place.folder / "terminal").touch()
    with place.running("pair") as run:
        run.until("is no serial port: correct `port`")


def test_a_reader_unplugged_while_the_code_is_typed_ends_it_with_nothing_issued(place: Place) -> None:
    with place.running("pair") as run:
        with place.plugged():
            run.until("six digits")
        error = run.end()
    assert run.program.returncode == 1
    assert "the reader is gone; nothing was issued" in error
    assert place.issued() == []


def test_beside_a_running_bridge_no_reader_is_paired(place: Place) -> None:
    with alone(place.folder / "state"), place.plugged():
        code, said = place.run("pair")
    assert code == 1
    assert "another bridge is running on this folder; end it first" in said
    assert place.reader.greeted == 0


def test_a_paired_reader_is_denied_without_a_doubt_about_its_name(place: Place) -> None:
    device = place.reader.device
    key = device.local_key.public_key()
    place.identity.devices.pair(DEVICE, key, device.idevid, timedelta(days=30), datetime.now(UTC))
    code, said = place.run("deny", DEVICE)
    assert (code, len(said.splitlines())) == (0, 1)


def test_a_denied_reader_is_not_told_that_it_may_be_paired_again(place: Place) -> None:
    device = place.reader.device
    for denied, says in ((False, "may be paired again"), (True, "never paired again")):
        key = device.local_key.public_key()
        place.identity.devices.pair(DEVICE, key, device.idevid, timedelta(days=30), datetime.now(UTC))
        if denied:
            place.run("deny", DEVICE)
        assert says in place.run("unpair", DEVICE)[1]


def test_readers_are_unpaired_and_denied_by_name(place: Place) -> None:
    assert "no reader is paired" in place.run("devices")[1]
    code, said = place.run("unpair", DEVICE)
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"kiosk-bridge: {DEVICE}: この受付ソフトに登録されていません / not paired with this bridge")
    device = place.reader.device
    key = device.local_key.public_key()
    place.identity.devices.pair(DEVICE, key, device.idevid, timedelta(days=30), datetime.now(UTC))
    assert "not seen yet" in place.run("devices")[1]
    assert place.run("unpair", DEVICE)[0] == 0
    assert place.issued() == []
    code, said = place.run("deny", DEVICE)
    assert code == 0
    assert "No reader of this name is paired here" in said
    with place.plugged():
        code, said = place.run("pair")
    assert (code, place.reader.told) == (1, "denied")
    assert f"{DEVICE} is denied on this terminal" in said
    assert place.run("devices")[1].splitlines()[1].split()[0] == DEVICE
    assert "no reader can have this name" in place.run("deny", "../x")[1]
    place.identity.denylist.file.unlink()
    assert "no reader is served without it" in place.run("devices")[1]
