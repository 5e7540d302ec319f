"""One end of the virtual cable: a pseudo-terminal that behaves as a USB gadget's serial port does, as far as it can."""

import asyncio
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LINE_ROOM = 16384
"""Unread bytes that a gadget takes before it blocks who writes, measured with Linux's (8,192 queued, 16 requests of
512)."""
BACKLOG = 65536
"""Most bytes kept for an end that does not read, noise included; what comes then is lost."""
_KERNEL_ROOM = 4095
"""Unread bytes that Linux's terminal driver shows (FIONREAD); what lies beyond them in the kernel, nobody can count."""
_READ_SIZE = 4096
_POLL_S = 0.001
"""Nobody tells when an end has been read: so often is looked, while something waits for it."""


class End:
    """One end of the cable: a pseudo-terminal whose other side `link` leads to.

    It has no modem lines. Once it is closed, whoever has opened it reads an end of file and writes EIO for ever.
    """

    def __init__(self, link: Path, heard: Callable[[bytes], None], *, former: str = "", cooked: bool = False) -> None:
        """`former`: the device name not to have again. `cooked`: it echoes, and waits for whole lines, until whoever
        opens it sets raw mode."""
        self._link = link
        self._heard = heard
        self._ours, self._theirs = _pair(former)
        self.device = os.ttyname(self._theirs)
        if not cooked:
            tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self._backlog = b""
        self._stopped_writer: End | None = None
        self._looking: asyncio.TimerHandle | None = None
        fresh = link.with_name(link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.device)
        fresh.replace(link)
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def write(self, data: bytes) -> None:
        """Towards whoever opened this end."""
        self._backlog = (self._backlog + data)[:BACKLOG]
        self._push()

    def unread(self) -> int:
        """Bytes that whoever opened this end has not read yet."""
        return len(self._backlog) + self._in_kernel()

    def slow(self, writer: "End") -> None:
        """Stop `writer`, who writes towards this end, while LINE_ROOM bytes are unread here. What a write under way
        brings still passes: a pseudo-terminal cannot be stopped in the middle of one."""
        if self._stopped_writer is None and self.unread() >= LINE_ROOM:
            self._stopped_writer = writer
            termios.tcflow(writer._theirs, termios.TCOOFF)
            self._push()

    def close(self) -> None:
        """Pull it out: both sides of the pseudo-terminal end."""
        asyncio.get_running_loop().remove_reader(self._ours)
        if self._looking is not None:
            self._looking.cancel()
        self._link.unlink(missing_ok=True)
        os.close(self._ours)
        os.close(self._theirs)

    def _in_kernel(self) -> int:
        return int(struct.unpack("i", fcntl.ioctl(self._theirs, termios.FIONREAD, bytes(4)))[0])

    def _read(self) -> None:
        with suppress(BlockingIOError):
            self._heard(os.read(self._ours, _READ_SIZE))

    def _push(self) -> None:
        """Hand over what there is room for; while more waits, look again."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        room = _KERNEL_ROOM - self._in_kernel()
        if self._backlog and room > 0:
            with suppress(BlockingIOError):
                self._backlog = self._backlog[os.write(self._ours, self._backlog[:room]) :]
        if self._stopped_writer is not None and self.unread() < LINE_ROOM:
            termios.tcflow(self._stopped_writer._theirs, termios.TCOON)
            self._stopped_writer = None
        if self._backlog or self._stopped_writer is not None:
            self._looking = asyncio.get_running_loop().call_later(_POLL_S, self._push)


def _pair(former: str) -> tuple[int, int]:
    """A new pseudo-terminal: our side, and theirs, of another name than the former."""
    ours, theirs = os.openpty()
    if os.ttyname(theirs) != former:
        return ours, theirs
    try:
        return _pair(former)
    finally:
        os.close(ours)
        os.close(theirs)
