"""The window over a real socket: streams, calls, restarts, addresses."""

import json
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bridge_rig import CONFIG, PERSON, Bridge, config
from visit_samples import World
from window_rig import PATIENCE_S, TOKEN, served

from firmware.token.claims import Method
from host_bridge.events import open_log
from host_bridge.identity import create_bridge
from host_bridge.news import WAITING_CAP
from host_bridge.outlets.window import address
from host_bridge.outlets.window.window import LOOK_S, token_of
from host_bridge.web.server import PortTaken, listen


def test_a_visit_arrives_in_an_open_stream_and_is_completed(bridge: Bridge) -> None:
    with served(bridge) as window, window.events() as stream:
        assert stream.next() == {"demo": True}
        assert stream.next()["snapshot"]["visits"] == []
        assert bridge.deliver(bridge.visit(method=Method.FACE)) is None
        assert stream.until("present") is not None
        assert stream.until("visit")["todo"] == "wait"
        assert bridge.courier.deliver_all()
        while (visit := stream.until("visit"))["file"] is None:
            pass
        assert visit["standing"]["person"]["name"] == "見本　花子"


def test_a_file_that_was_taken_is_noticed_by_itself(bridge: Bridge) -> None:
    assert LOOK_S <= 5
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    with served(bridge) as window, window.events() as stream:
        assert stream.until("snapshot")["visits"][0]["file"]["taken"] is False
        bridge.face_files()[0].unlink()
        assert stream.until("visit")["file"]["taken"] is True


def test_a_call_is_dismissed_for_every_page(bridge: Bridge) -> None:
    with served(bridge) as window, window.events() as one, window.events() as other:
        bridge.desk.reception_called("TEST-0001")
        (call,) = one.until("calls")
        assert [call] == other.until("calls")
        for nonsense in ({}, [], "1", {"call": "1"}, {"call": None}, {"call": 1.0}):
            assert window.dismiss(nonsense) == 400
        assert window.dismiss({"call": call["id"]}) == 204
        assert (one.until("calls"), other.until("calls")) == ([], [])


def test_a_page_that_reads_nothing_holds_up_nobody_and_its_stream_ends(bridge: Bridge) -> None:
    log = open_log(bridge.log, bridge.reception.heard)
    with served(bridge) as window, window.connect() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(
            f"GET /api/events HTTP/1.1\r\nHost: {window.host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        line.recv(1)  # the stream has begun
        for number in range(100 * WAITING_CAP):
            log.info("nonce_issued", device=f"TEST-{number:06d}")
        with window.events() as quick:
            assert quick.until("snapshot")["present"]["reader"] == f"TEST-{100 * WAITING_CAP - 1:06d}"
        read = b""
        while not read.endswith(b"0\r\n\r\n"):  # the last chunk: the stream has ended, and said so
            more = line.recv(65536)
            assert more
            read += more


def test_open_streams_do_not_delay_the_end(bridge: Bridge) -> None:
    with served(bridge) as window, window.events() as stream:
        stream.until("snapshot")
        window.window.stop()
        with pytest.raises(EOFError):
            while True:
                stream.next()


def test_nothing_of_the_patient_is_in_the_log_or_in_a_new_file(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    before = {path for path in bridge.folder.rglob("*")}
    with served(bridge) as window, window.events() as stream:
        stream.until("snapshot")
        assert bridge.courier.deliver_all()
        while stream.until("visit")["file"] is None:
            pass
        assert window.dismiss({"call": 1}) == 204
    (face,) = bridge.face_files()
    new = {path for path in bridge.folder.rglob("*")} - before
    assert new == {face, bridge.files.index / f"{face.name}.json"}
    written = bridge.log.getvalue() + (bridge.files.index / f"{face.name}.json").read_text()
    for word in (
        PERSON["Name"],
        PERSON["NameKana"],
        "花子",
        "ハナコ",
        PERSON["Birthdate"],
        PERSON["InsurerNumber"],
        TOKEN,
    ):
        assert word not in written
        assert json.dumps(word)[1:-1] not in written
    journal = b"".join(path.read_bytes() for path in bridge.folder.glob("journal.db*"))
    assert "花子".encode() not in journal


@contextmanager
def running(tmp_path: Path, world: World, window: int = 0) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """A bridge as a program, and its first event."""
    if not (tmp_path / "identity").exists():
        create_bridge(tmp_path / "identity")
        (tmp_path / "authority").mkdir()
        for name, content in world.authority.files().items():
            (tmp_path / "authority" / name).write_bytes(content)
        (tmp_path / "people.json").write_text('{"people": [], "revoked": []}')
    file = config(tmp_path, CONFIG.replace("window = 0", f"window = {window}"))
    argv = [sys.executable, "-m", "host_bridge", "run", "--config", str(file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            line = program.stdout.readline()
            yield program, json.loads(line) if line else {}
        finally:
            program.kill()


def printed_address(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "host_bridge", "window", "--config", str(tmp_path / "bridge.toml")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_running_bridge_serves_its_window_where_the_command_says(tmp_path: Path, world: World) -> None:
    with running(tmp_path, world) as (program, started):
        said = printed_address(tmp_path).stdout.strip()
        token = token_of((tmp_path / "state" / "window.key").read_bytes())
        assert said == f"http://127.0.0.1:{started['window']}/#{token}" == address.read(tmp_path / "state")
        assert token not in json.dumps(started)
        assert stat.S_IMODE((tmp_path / "state" / "window.address").stat().st_mode) == 0o600
        assert program.poll() is None
        with pytest.raises(PortTaken, match="end the program that has it"):
            listen(int(str(started["window"])))
        program.send_signal(signal.SIGTERM)
        assert program.wait(PATIENCE_S) == 0
        assert program.stderr is not None
        assert program.stderr.read() == ""
    assert not (tmp_path / "state" / "window.address").exists()
    without = printed_address(tmp_path)
    assert (without.returncode, without.stdout) == (1, "")
    assert "no bridge is running" in without.stderr

    with running(tmp_path, world, int(str(started["window"]))) as (program, again):
        assert address.read(tmp_path / "state") == said  # a bookmark stays good
        assert again["window"] == started["window"]
        program.kill()
        program.wait(PATIENCE_S)
        assert (tmp_path / "state" / "window.address").exists()
        assert address.read(tmp_path / "state") is None  # what a killed bridge leaves behind is no address


def test_a_bridge_whose_port_is_taken_ends_with_one_line(tmp_path: Path, world: World) -> None:
    with listen(0) as other, running(tmp_path, world, other.getsockname()[1]) as (program, started):
        assert started == {}
        assert program.wait(PATIENCE_S) == 1
        assert program.stderr is not None
        said = program.stderr.read()
        assert f"ポート {other.getsockname()[1]} を使えません" in said and "choose another" in said
    assert said.count("\n") == 1


def test_an_address_is_there_for_as_long_as_it_is_announced(tmp_path: Path) -> None:
    assert address.read(tmp_path) is None
    with address.announced(tmp_path, "http://127.0.0.1:1/#token"):
        assert address.read(tmp_path) == "http://127.0.0.1:1/#token"
        assert [path.name for path in tmp_path.iterdir()] == ["window.address"]
    assert list(tmp_path.iterdir()) == []


def test_many_threads_tell_one_reception_and_a_page_sees_all_of_it(bridge: Bridge) -> None:
    log = open_log(bridge.log, bridge.reception.heard)
    start = threading.Barrier(4)

    def call(first: int) -> None:
        start.wait()
        for number in range(first, first + 5):
            log.warning("reception_called", device=f"TEST-{number}")

    with served(bridge) as window, window.events() as stream:
        stream.until("snapshot")
        threads = [threading.Thread(target=call, args=(5 * index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        while len(calls := stream.until("calls")) < 20:
            pass
        for thread in threads:
            thread.join()
    assert {one["reader"] for one in calls} == {f"TEST-{number}" for number in range(20)}
    assert len({one["id"] for one in calls}) == 20
