"""What a program finds at an end of the virtual cable is what it finds at a USB gadget's serial port."""

import errno
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from board.demo.cable import Cable
from board.demo.cable_end import LINE_ROOM

WAIT_S = 5.0
BLOCKED_S = 0.2


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    async with Cable(tmp_path / "cable") as cable:
        yield cable


@contextmanager
def opened(end: Path) -> Iterator[int]:
    """An end as it is found: no settings changed, nothing flushed."""
    descriptor = os.open(end, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def write_until_blocked(cable: Cable, descriptor: int, piece: bytes) -> int:
    """Bytes that were taken, each piece once the relay has had the one before."""
    taken = (await cable.status())["to_terminal"]
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    written = 0
    while poll.poll(BLOCKED_S * 1000):
        written += os.write(descriptor, piece)
        while (await cable.status())["to_terminal"] < taken + written:
            pass
    return written


def read(descriptor: int, count: int) -> bytes:
    """So many bytes, or what comes within WAIT_S."""
    data, end = b"", time.monotonic() + WAIT_S
    while len(data) < count and select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        data += os.read(descriptor, count - len(data))
    return data


@pytest.mark.parametrize("end", ["reader", "terminal"])
async def test_neither_end_has_modem_lines(cable: Cable, end: str) -> None:
    with opened(getattr(cable, end)) as descriptor, pytest.raises(OSError) as error:
        fcntl.ioctl(descriptor, termios.TIOCMGET, bytes(4))
    assert error.value.errno == errno.ENOTTY


async def test_with_nobody_reading_a_line_takes_16384_bytes_and_then_blocks(cable: Cable) -> None:
    with opened(cable.reader) as reader:
        assert await write_until_blocked(cable, reader, bytes(1024)) == LINE_ROOM == 16384
        with pytest.raises(BlockingIOError):
            os.write(reader, b"x")


async def test_what_nobody_read_reaches_whoever_opens_later_and_the_line_goes_on(cable: Cable) -> None:
    stale = bytes(range(256)) * 4
    with opened(cable.reader) as reader:
        count = await write_until_blocked(cable, reader, stale)
        with opened(cable.terminal) as terminal:
            assert read(terminal, count) == stale * (count // len(stale))
            assert select.select([], [reader], [], WAIT_S)[1], "still blocked after all was read"
            os.write(reader, b"fresh")
            assert read(terminal, 5) == b"fresh"


async def test_a_line_that_is_flushed_takes_bytes_again(cable: Cable) -> None:
    with opened(cable.reader) as reader:
        await write_until_blocked(cable, reader, bytes(1024))
        with opened(cable.terminal) as terminal:
            while not select.select([], [reader], [], 0)[1]:  # a flush empties the kernel's part of the line
                termios.tcflush(terminal, termios.TCIFLUSH)
            os.write(reader, b"x")


async def test_one_long_write_is_blocked_too(cable: Cable) -> None:
    with opened(cable.reader) as reader:
        poll = select.poll()
        poll.register(reader, select.POLLOUT)
        written = 0
        while poll.poll(BLOCKED_S * 1000):
            written += os.write(reader, bytes(1 << 16))
        assert LINE_ROOM <= written < 3 * LINE_ROOM


@pytest.mark.parametrize("end", ["reader", "terminal"])
async def test_an_unplugged_end_reads_as_its_end_and_writes_as_eio_for_ever(cable: Cable, end: str) -> None:
    with opened(getattr(cable, end)) as old:
        await cable.unplug()
        await cable.plug()
        with opened(getattr(cable, end)) as new:
            for _ in range(3):
                assert os.read(old, 1) == b""
                with pytest.raises(OSError) as error:
                    os.write(old, b"x")
                assert error.value.errno == errno.EIO
            os.write(new, b"x")


async def test_a_port_comes_back_under_another_device_name_behind_the_same_link(cable: Cable) -> None:
    ends = (cable.reader, cable.terminal)
    for _ in range(3):
        before = [os.readlink(end) for end in ends]
        await cable.unplug()
        assert not any(os.path.lexists(end) for end in ends)
        await cable.plug()
        after = [os.readlink(end) for end in ends]
        assert all(one != other for one, other in zip(before, after, strict=True))


async def test_a_cooked_end_echoes_until_its_opener_sets_raw_mode(cable: Cable) -> None:
    await cable.cook("terminal")
    await cable.unplug()
    await cable.plug()
    with opened(cable.reader) as reader, opened(cable.terminal) as terminal:
        os.write(reader, b"too early")
        assert read(reader, 9) == b"too early"
        tty.setraw(terminal)
        os.write(reader, b"now")
        assert read(terminal, 12).endswith(b"now")
        assert not select.select([reader], [], [], BLOCKED_S)[0]
    await cable.unplug()
    await cable.plug()
    with opened(cable.reader) as reader, opened(cable.terminal) as terminal:
        os.write(reader, b"raw")
        assert read(terminal, 3) == b"raw"
        assert not select.select([reader], [], [], BLOCKED_S)[0]
