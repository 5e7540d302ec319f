"""The line to the terminal as a serial device: the USB gadget's ttyGS0, or a pseudo-terminal."""

import os
import select
import termios
from contextlib import suppress
from pathlib import Path

import serial

from board.contracts import PortGone

_READ_SIZE = 4096


class SerialHostPort:
    """A serial device in raw mode, opened for this process alone. Implements HostPort.

    An unplugged gadget reads as an end of file and writes as EIO until it is opened again; with no reader on the
    other side, it takes 16 KB and then blocks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line: serial.Serial | None = None
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    def open(self) -> None:
        """Open or reopen, dropping what arrived before. Raises PortGone."""
        self.close()
        try:
            self._line = serial.Serial(str(self._path), exclusive=True)
        except (OSError, termios.error) as error:  # pyserial lets termios.error through, which is no OSError
            raise PortGone(f"{self._path} cannot be opened") from error

    def read(self, timeout_s: float) -> bytes:
        """Whatever has arrived, at most 4,096 bytes; b"" after `timeout_s` or after `wake`. Raises PortGone."""
        line = self._opened()
        try:
            ready, _, _ = select.select([line.fileno(), self._woken], [], [], max(0.0, timeout_s))
            if self._woken in ready:
                os.read(self._woken, _READ_SIZE)
            if line.fileno() not in ready:
                return b""
            data = os.read(line.fileno(), _READ_SIZE)
        except (OSError, termios.error) as error:
            raise PortGone(f"{self._path} is gone") from error
        if not data:
            raise PortGone(f"{self._path} has ended")
        return data

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of it. Raises PortGone, also when the line stays blocked for `timeout_s`."""
        line = self._opened()
        try:
            line.write_timeout = timeout_s
            line.write(data)
        except (OSError, termios.error) as error:
            raise PortGone(f"{self._path} takes no bytes") from error

    def wake(self) -> None:
        """Make a `read` that waits in another thread, or else the next one, return at once."""
        with suppress(BlockingIOError):  # a full pipe wakes too
            os.write(self._waker, b"\0")

    def close(self) -> None:
        """Close the device; it can be opened again."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError, termios.error):
                line.close()

    def _opened(self) -> serial.Serial:
        if self._line is None:
            raise PortGone(f"{self._path} is not open")
        return self._line
