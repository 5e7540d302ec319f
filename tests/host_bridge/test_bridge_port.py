"""What the bridge says of a port that it cannot use."""

import os
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_bridge.port import PortLost, TerminalPort


@dataclass
class Line:
    """A pseudo terminal: the reader's end is a file handle."""

    reader: int
    path: Path

    def unplug(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
        self.reader = -1


@pytest.fixture
def line() -> Iterator[Line]:
    reader, terminal = os.openpty()
    tty.setraw(terminal)
    path = Path(os.ttyname(terminal))
    os.close(terminal)
    line = Line(reader, path)
    yield line
    line.unplug()


def reason(attempt: object) -> str:
    with pytest.raises(PortLost) as lost:
        attempt()  # type: ignore[operator]
    return lost.value.reason


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert reason(TerminalPort(tmp_path / "missing").open) == "port_absent"
    assert reason(lambda: TerminalPort(tmp_path / "missing").read(0)) == "port_gone"


def test_what_is_no_serial_port_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", Path("/dev/null")):
        assert reason(TerminalPort(path).open) == "port_foreign", path


def test_a_port_that_another_program_holds_until_it_lets_go(line: Line) -> None:
    first, second = TerminalPort(line.path), TerminalPort(line.path)
    first.open()
    assert reason(second.open) == "port_busy"
    first.close()
    second.open()
    second.close()


def test_a_port_that_goes_while_it_is_open(line: Line) -> None:
    port = TerminalPort(line.path)
    port.open()
    os.write(line.reader, b"hello")
    assert port.read(5.0) == b"hello"
    line.unplug()
    assert reason(lambda: port.read(5.0)) == "port_gone"
    port.close()


def test_a_port_whose_other_end_takes_nothing(line: Line) -> None:
    port = TerminalPort(line.path)
    port.open()
    assert reason(lambda: port.write(bytes(1 << 20), 0.2)) == "port_blocked"
    port.close()
