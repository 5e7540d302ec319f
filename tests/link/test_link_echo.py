"""Terminal devices in cooked mode: they echo what is sent to its sender, and nobody talks to himself."""

import os
import select
import termios
import time
from pathlib import Path

import pytest
from enrolment_rig import Reader, makers
from link_bench import keep
from session_world import World, made

from board.linux.serial import SerialHostPort
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.link.pump import Pump
from host_bridge.identity import create_bridge
from host_bridge.pairing import Pairing, Phase

TOKEN = bytes(range(250)) * 3


class EchoingWorld(World):
    """Each end hears itself as well."""

    def _collect(self) -> None:
        for out, lines in (
            (self.reader.output(), (self.to_host, self.to_reader)),
            (self.host.line.output(), (self.to_reader, self.to_host)),
        ):
            if out and self.plugged:
                for line in lines:
                    line.append(out)


def test_a_session_over_a_line_that_echoes_both_ways_delivers_as_ever(tmp_path: Path) -> None:
    world = EchoingWorld(tmp_path, made(tmp_path))
    world.plug()
    world.keep(TOKEN)
    world.until(lambda: world.journal.oldest() is None)
    assert world.host.tokens == [TOKEN] and world.host.lost == []
    world.close()


def test_pairing_over_a_line_that_echoes_both_ways_shows_one_code(tmp_path: Path) -> None:
    make_device(tmp_path / "device" / "identity", "READER-0001")
    reader, now = Reader(tmp_path / "device"), 5_000_000
    host = Pairing(create_bridge(tmp_path / "bridge"), makers(reader.state), codec())
    reader.end.start(now)
    host.start(now)
    while host.phase is not Phase.CODE:
        now += 10
        host.tick(now)
        reader.end.tick(now)
        line = host.output() + reader.end.output()
        host.feed(line, now)
        reader.end.feed(line, now)
    assert host.type_code(reader.code, now)
    reader.journal.close()


@pytest.mark.parametrize("said", [b"login: ", b"AT\r\n", bytes(100), os.urandom(3000)], ids=len)
def test_a_reader_at_a_terminal_that_is_no_bridge_says_nothing_to_it(tmp_path: Path, said: bytes) -> None:
    """A login prompt, a probe for a modem, noise: the reader only ever answers a host that opens."""
    identity = made(tmp_path)
    world = World(tmp_path, identity)
    keep(world.journal, identity, TOKEN)  # it has something to say
    terminal, device = os.openpty()
    pump = Pump(SerialHostPort(Path(os.ttyname(device))), world.reader)
    pump.start()
    try:
        while termios.tcgetattr(device)[3] & termios.ECHO:  # until the reader has made its own end raw
            time.sleep(0.01)
        os.write(terminal, said)
        assert select.select([terminal], [], [], 1.0)[0] == []
    finally:
        pump.stop()
        os.close(terminal)
        os.close(device)
        world.close()
