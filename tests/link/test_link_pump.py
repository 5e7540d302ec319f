"""The pump's thread: nothing that its end does ends it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from board.linux.serial import SerialHostPort
from firmware.link.pump import Pump


class Faulty:
    """An end that fails in the calls it is told to; otherwise it has nothing to say."""

    def __init__(self, *faults: str) -> None:
        self.faults = set(faults)
        self.failed: list[str] = []
        self.gone_for: list[str] = []
        self.all_failed = threading.Event()

    def start(self, now: int) -> None:
        self._fail("start")

    def gone(self, reason: str, now: int) -> None:
        self.gone_for.append(reason)
        self._fail("gone")

    def feed(self, data: bytes, now: int) -> None:
        self._fail("feed")

    def tick(self, now: int) -> None:
        self._fail("tick")

    def due(self) -> int | None:
        return None

    def output(self) -> bytes:
        return b""

    def _fail(self, call: str) -> None:
        if call not in self.faults:
            return
        self.failed.append(call)
        if self.faults == set(self.failed):
            self.all_failed.set()
        raise KeyError(call)


@pytest.fixture
def away(tmp_path: Path) -> SerialHostPort:
    """A port whose cable is out."""
    return SerialHostPort(tmp_path / "no such port")


@pytest.fixture
def running(request: pytest.FixtureRequest, away: SerialHostPort) -> Iterator[tuple[Faulty, Pump]]:
    end = Faulty(*request.param)
    pump = Pump(away, end)
    pump.start()
    yield end, pump
    pump.stop()


@pytest.mark.parametrize("running", [["gone"], ["tick"], ["gone", "tick"]], ids=str, indirect=True)
def test_an_end_that_fails_while_the_port_is_away_is_served_on(running: tuple[Faulty, Pump]) -> None:
    end, pump = running
    assert end.all_failed.wait(5)
    served = threading.Event()
    pump.call(served.set)
    assert served.wait(5)
    assert set(end.gone_for) == {"port_gone"}


@pytest.mark.parametrize("running", [[]], indirect=True)
def test_work_that_fails_while_the_port_is_away_does_not_keep_the_next_from_being_done(
    running: tuple[Faulty, Pump],
) -> None:
    _, pump = running

    def fail() -> None:
        raise KeyError

    served = threading.Event()
    pump.call(fail)
    pump.call(served.set)
    assert served.wait(5)
