"""The terminal's end of the cable: a serial port by pyserial, on Linux and Windows alike."""

import errno
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import serial

_GONE: tuple[type[Exception], ...] = (OSError,)
if sys.platform != "win32":
    import termios

    _GONE = (OSError, termios.error)  # pyserial lets the latter through, and it is no OSError


class PortLost(Exception):
    """The port cannot be used. `reason`: port_absent, port_busy (another program has it), port_denied (not for this
    user), port_foreign (it is no serial port), port_gone (while it was open), port_blocked (nothing takes what is
    written)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_REASONS: Final = {
    errno.EACCES: "port_denied",
    errno.EPERM: "port_denied",
    errno.EAGAIN: "port_busy",
    errno.EBUSY: "port_busy",
    errno.EISDIR: "port_foreign",
    errno.ENOTTY: "port_foreign",
}


def _reason(error: Exception) -> str:
    """Why a port does not open. Of a failed configuration pyserial tells the number only in what came before."""
    for one in (error, error.__context__):
        if one is not None and one.args and one.args[0] in _REASONS:
            return _REASONS[one.args[0]]
    return "port_absent"


class TerminalPort:
    """A serial port in raw mode, opened for this process alone. `path` may be absent, and come back as another
    device behind the same name (/dev/serial/by-id/...)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line: serial.Serial | None = None

    def open(self) -> None:
        """Open or reopen, dropping what arrived before. Raises PortLost."""
        self.close()
        try:
            self._line = serial.Serial(str(self._path), exclusive=True)
        except _GONE as error:
            raise PortLost(_reason(error)) from error

    def read(self, timeout_s: float) -> bytes:
        """Whatever has arrived, at most 4,096 bytes; b"" after `timeout_s`. Raises PortLost."""
        line = self._opened()
        try:
            line.timeout = max(0.0, timeout_s)
            first: bytes = line.read(1)
            return first + line.read(min(line.in_waiting, 4095)) if first else b""
        except _GONE as error:
            raise PortLost("port_gone") from error

    def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of it. Raises PortLost, also when the line stays blocked for `timeout_s`."""
        line = self._opened()
        try:
            line.write_timeout = timeout_s
            line.write(data)
        except serial.SerialTimeoutException as error:
            raise PortLost("port_blocked") from error
        except _GONE as error:
            raise PortLost("port_gone") from error

    def wake(self) -> None:
        """Make a `read` that waits in another thread, or else the next one, return at once. From any thread."""
        line = self._line
        if line is not None:
            with suppress(*_GONE, TypeError):  # closed meanwhile: pyserial has forgotten its pipe
                line.cancel_read()

    def close(self) -> None:
        """Close the port; it can be opened again."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(*_GONE):
                line.close()

    def _opened(self) -> serial.Serial:
        if self._line is None:
            raise PortLost("port_gone")
        return self._line
