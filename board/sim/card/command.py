"""Command APDUs as a chip takes them apart (ISO/IEC 7816-3 section 12.1)."""

from dataclasses import dataclass, field
from enum import IntEnum


class Status(IntEnum):
    """Status words this card answers with (ISO/IEC 7816-4 tables 5 and 6)."""

    SUCCESS = 0x9000
    END_OF_FILE_REACHED = 0x6282
    VERIFICATION_FAILED = 0x63C0
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    INCOMPATIBLE_WITH_FILE = 0x6981
    SECURITY_STATUS_NOT_SATISFIED = 0x6982
    REFERENCE_DATA_NOT_USABLE = 0x6984
    CONDITIONS_NOT_SATISFIED = 0x6985
    NO_CURRENT_EF = 0x6986
    FILE_NOT_FOUND = 0x6A82
    INCORRECT_P1_P2 = 0x6A86
    WRONG_OFFSET = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00


class Refused(Exception):
    """The command ends with this status word."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass(frozen=True)
class Received:
    """One command."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int = 0
    """0 where no data are wanted, 256 or 65,536 for "all there are"."""

    @property
    def wants_all(self) -> bool:
        """Whether Le leaves the length to the card."""
        return self.le in (256, 65536)

    @classmethod
    def parse(cls, apdu: bytes) -> "Received":
        """Raises Refused (6700) where no case of the standard fits."""
        if len(apdu) < 4:
            raise Refused(Status.WRONG_LENGTH)
        cla, ins, p1, p2 = apdu[:4]
        body = apdu[4:]
        if not body:
            return cls(cla, ins, p1, p2)
        if len(body) == 1:
            return cls(cla, ins, p1, p2, le=body[0] or 256)
        size = 1 if body[0] else 3
        if len(body) == size == 3:
            return cls(cla, ins, p1, p2, le=int.from_bytes(body[1:], "big") or 65536)
        lc = int.from_bytes(body[:size], "big")
        data, le = body[size : size + lc], body[size + lc :]
        if lc == 0 or len(data) != lc or len(le) not in (0, 1 if size == 1 else 2):
            raise Refused(Status.WRONG_LENGTH)
        return cls(cla, ins, p1, p2, data, (int.from_bytes(le, "big") or (256 if size == 1 else 65536)) if le else 0)
