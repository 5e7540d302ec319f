"""Commands and responses of a chip card (ISO/IEC 7816-3 section 12.1, ISO/IEC 7816-4 section 5)."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from board.contracts import CardFault, CardSession

SHORT_DATA: Final = 255
SHORT_LE: Final = 256
EXTENDED_LE: Final = 65536


class Ins(IntEnum):
    """Instruction bytes (ISO/IEC 7816-4 table 4, ISO/IEC 7816-8)."""

    VERIFY = 0x20
    PERFORM_SECURITY_OPERATION = 0x2A
    SELECT = 0xA4
    READ_BINARY = 0xB0


class SW(IntEnum):
    """Status words this card is known to give (ISO/IEC 7816-4 tables 5 and 6)."""

    SUCCESS = 0x9000
    END_OF_FILE_REACHED = 0x6282
    """Data follow, fewer than asked for."""
    VERIFICATION_FAILED = 0x63C0
    """The low digit counts the tries left."""
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    COMMAND_INCOMPATIBLE_WITH_FILE = 0x6981
    SECURITY_STATUS_NOT_SATISFIED = 0x6982
    AUTHENTICATION_METHOD_BLOCKED = 0x6983
    REFERENCE_DATA_NOT_USABLE = 0x6984
    """This card's word for a blocked PIN."""
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_EF = 0x6986
    WRONG_DATA = 0x6A80
    FILE_NOT_FOUND = 0x6A82
    INCORRECT_P1_P2 = 0x6A86
    WRONG_OFFSET = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    NO_PRECISE_DIAGNOSIS = 0x6F00


@dataclass(frozen=True)
class Command:
    """One command. Its data stay out of its representation: they may be a PIN."""

    ins: Ins
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int = 0
    """Most response data wanted, in bytes; 0 for none."""
    cla: int = 0x00

    @property
    def extended(self) -> bool:
        """Whether it only fits the form with lengths of two bytes."""
        return len(self.data) > SHORT_DATA or self.le > SHORT_LE

    def encode(self) -> bytes:
        """The command in the shortest form it fits. Raises ValueError where no form holds it."""
        if len(self.data) > 0xFFFF or not 0 <= self.le <= EXTENDED_LE:
            raise ValueError(f"no APDU holds {len(self.data)} bytes and Le {self.le}")
        encoded = bytes((self.cla, self.ins, self.p1, self.p2))
        if not self.extended:
            lc = bytes((len(self.data),)) if self.data else b""
            return encoded + lc + self.data + (bytes((self.le & 0xFF,)) if self.le else b"")
        lc = b"\x00" + len(self.data).to_bytes(2, "big") if self.data else b""
        le = (self.le & 0xFFFF).to_bytes(2, "big") if self.le else b""
        return encoded + lc + self.data + (le if self.data else b"\x00" + le)


@dataclass(frozen=True)
class Response:
    """What the card answered."""

    data: bytes = field(repr=False)
    sw: int

    @property
    def tries_left(self) -> int | None:
        """Tries left as a 63Cx status tells them, or None for any other status."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == SW.VERIFICATION_FAILED else None


def exchange(session: CardSession, command: Command) -> Response:
    """Send a command and take its response. Raises CardGone, CardFault."""
    answer = session.transmit(command.encode())
    if not 2 <= len(answer) <= EXTENDED_LE + 2:
        raise CardFault(f"response of {len(answer)} bytes")
    return Response(answer[:-2], int.from_bytes(answer[-2:], "big"))
