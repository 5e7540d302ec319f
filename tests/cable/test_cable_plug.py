"""The virtual cable behaves as a USB gadget does, as far as a pseudo-terminal can."""

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from board.contracts import PortGone
from board.demo.cable import Cable
from board.demo.relay import DRAIN_S
from board.linux.serial import SerialHostPort
from firmware.wire import cobs, frame
from firmware.wire.frame import Frame
from host_bridge.port import PortLost, TerminalPort

WAIT_S = 5.0


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    async with Cable(tmp_path / "cable") as cable:
        yield cable


def read(port: SerialHostPort | TerminalPort, count: int) -> bytes:
    """`count` bytes, or what comes until the port is gone."""
    data = b""
    while len(data) < count:
        part = port.read(WAIT_S)
        assert part, f"only {data!r} came"
        data += part
    return data


@pytest.fixture
def reader(cable: Cable) -> SerialHostPort:
    port = SerialHostPort(cable.reader)
    port.open()
    return port


@pytest.fixture
def terminal(cable: Cable) -> TerminalPort:
    port = TerminalPort(cable.terminal)
    port.open()
    return port


async def test_bytes_pass_both_ways_unchanged(reader: SerialHostPort, terminal: TerminalPort) -> None:
    everything = bytes(range(256)) * 4
    reader.write(everything, WAIT_S)
    assert await asyncio.to_thread(read, terminal, 1024) == everything
    terminal.write(everything, WAIT_S)
    assert await asyncio.to_thread(read, reader, 1024) == everything


async def test_unplugged_ends_are_gone_until_they_are_opened_again(
    cable: Cable, reader: SerialHostPort, terminal: TerminalPort
) -> None:
    await cable.unplug()
    with pytest.raises(PortGone):
        reader.read(WAIT_S)
    with pytest.raises(PortGone):
        reader.write(b"x", WAIT_S)
    with pytest.raises(PortGone):
        reader.open()
    with pytest.raises(PortLost):
        terminal.read(WAIT_S)
    with pytest.raises(PortLost):
        terminal.write(b"x", WAIT_S)
    with pytest.raises(PortLost):
        terminal.open()
    await cable.plug()
    reader.open()
    terminal.open()
    reader.write(b"again", WAIT_S)
    assert await asyncio.to_thread(read, terminal, 5) == b"again"


async def test_an_open_end_of_an_old_plug_stays_dead(cable: Cable, reader: SerialHostPort) -> None:
    await cable.unplug()
    await cable.plug()
    with pytest.raises(PortGone):
        reader.read(WAIT_S)


async def test_the_plug_comes_out_after_exactly_so_many_bytes(
    cable: Cable, reader: SerialHostPort, terminal: TerminalPort
) -> None:
    await cable.unplug_after(7)
    reader.write(b"0123456789", WAIT_S)
    assert await asyncio.to_thread(read, terminal, 7) == b"0123456"
    with pytest.raises(PortLost):
        await asyncio.to_thread(terminal.read, WAIT_S)
    assert not (await cable.status())["plugged"]


async def test_a_cable_pulled_by_hand_is_not_pulled_again_after_its_bytes(
    cable: Cable, reader: SerialHostPort, terminal: TerminalPort
) -> None:
    await cable.unplug_after(3)
    reader.write(b"012", WAIT_S)  # the terminal does not read them: the relay waits for it before it pulls
    while (await cable.status())["to_terminal"] < 3:
        pass
    await cable.unplug()
    await cable.plug()
    terminal.open()
    assert await asyncio.to_thread(terminal.read, 2 * DRAIN_S) == b""
    assert (await cable.status())["plugged"]


async def test_held_answers_wait_while_acknowledgements_pass(
    cable: Cable, reader: SerialHostPort, terminal: TerminalPort
) -> None:
    acknowledgement = Frame(frame.ACK, True, 1, 1).encode(cobs)
    answer = Frame(frame.DATA, True, 1, 1, b"receipt").encode(cobs)
    await cable.hold_answers()
    terminal.write(answer + acknowledgement, WAIT_S)
    passed = await asyncio.to_thread(read, reader, len(acknowledgement))
    assert acknowledgement.strip(b"\0") in passed
    assert b"receipt" not in passed
    assert (await cable.status())["held_frames"] == 1
    reader.write(b"question", WAIT_S)
    assert await asyncio.to_thread(read, terminal, 8) == b"question"
    await cable.release()
    assert b"receipt" in await asyncio.to_thread(read, reader, len(answer))


async def test_unplugging_loses_what_was_held(cable: Cable, terminal: TerminalPort) -> None:
    await cable.hold_answers()
    terminal.write(Frame(frame.DATA, True, 1, 1, b"receipt").encode(cobs) + b"\0", WAIT_S)
    await cable.unplug()
    await cable.plug()
    assert (await cable.status())["held_frames"] == 0


async def test_noise_reaches_both_ends(cable: Cable, reader: SerialHostPort, terminal: TerminalPort) -> None:
    await cable.noise(100)
    assert len(await asyncio.to_thread(read, reader, 100)) == 100
    assert len(await asyncio.to_thread(read, terminal, 100)) == 100


async def test_a_second_program_cannot_open_an_end(cable: Cable, reader: SerialHostPort) -> None:
    with pytest.raises(PortGone):
        SerialHostPort(cable.reader).open()


async def test_a_waiting_read_can_be_woken(reader: SerialHostPort) -> None:
    waiting = asyncio.create_task(asyncio.to_thread(reader.read, 60.0))
    await asyncio.sleep(0)
    reader.wake()
    assert await asyncio.wait_for(waiting, WAIT_S) == b""


async def test_a_line_that_nobody_reads_blocks_a_writer_for_its_time_only(cable: Cable, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    port = SerialHostPort(Path(os.ttyname(theirs)))
    port.open()
    with pytest.raises(PortGone):
        port.write(bytes(1 << 20), 0.1)
    port.close()
    os.close(ours)
    os.close(theirs)


async def test_unknown_commands_are_refused_by_name(cable: Cable, tmp_path: Path) -> None:
    connection, control = await asyncio.open_unix_connection(tmp_path / "cable" / "control")
    for line in (b'{"do": "explode"}\n', b"garbage\n", b'{"do": "unplug_after"}\n', b'{"do": "noise", "bytes": -1}\n'):
        control.write(line)
        assert "error" in json.loads(await connection.readline())
    control.close()
    assert (await cable.status())["plugged"]


def test_the_relay_ends_with_its_starter(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "board.demo.relay", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], WAIT_S)[0]
    process.stdin.close()
    assert process.wait(WAIT_S) == 0
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
