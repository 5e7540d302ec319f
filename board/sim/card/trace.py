"""A line for everything that happens to the chip, without anything that must not be kept: no PINs, no file contents."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

_SECRET_COMMANDS = frozenset((0x20, 0x21, 0x24, 0x2C))
"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, whatever the class byte."""


class Trace:
    """Writes one line for each command and each change of power.

    `12:34:56.789012 00A4020C020018 -> 9000 +0  公的個人認証AP / authentication PIN`: time (UTC), command, status
    word, bytes of data, what is selected. FORBIDDEN marks what no reader has any business with.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def command(self, apdu: bytes, answer: bytes, what: str) -> None:
        """One exchange."""
        self.event(f"{masked(apdu)} -> {answer[-2:].hex().upper()} +{len(answer) - 2}  {what}")

    def event(self, text: str) -> None:
        """Anything else: placed, lifted, power."""
        with suppress(OSError):  # a full disk costs the trace, not the card
            self._write(f"{datetime.now(UTC):%H:%M:%S.%f} {text}")


def masked(apdu: bytes) -> str:
    """Hexadecimal, with whatever a secret command carries as `**`."""
    if len(apdu) > 4 and apdu[1] in _SECRET_COMMANDS:
        return apdu[:4].hex().upper() + "**"
    return apdu.hex().upper()
