"""Commands and responses of a chip card (ISO/IEC 7816-3 section 12.1, ISO/IEC 7816-4 section 5)."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from board.contracts import CardFault, CardSession

SHORT_DATA: Final = 255
SHORT_LE: Final = 256
EXTENDED_LE: Final = 65536

_MORE_DATA, _WRONG_LE = 0x61, 0x6C
"""First status bytes whose second one is a length (ISO/IEC 7816-4 table 5)."""
_ROUNDS: Final = EXTENDED_LE // SHORT_LE
"""Most parts in which a card may hand out one response."""
LEAST_PART: Final = 64
"""Bytes: a card that gives less at a time where there is more would keep a patient waiting."""


class Ins(IntEnum):
    """Instruction bytes (ISO/IEC 7816-4 table 4, ISO/IEC 7816-8)."""

    VERIFY = 0x20
    PERFORM_SECURITY_OPERATION = 0x2A
    SELECT = 0xA4
    READ_BINARY = 0xB0
    GET_RESPONSE = 0xC0


class SW(IntEnum):
    """Status words this card is known to give (ISO/IEC 7816-4 tables 5 and 6), with what they mean."""

    ja: str
    en: str

    def __new__(cls, value: int, ja: str, en: str) -> "SW":
        member = int.__new__(cls, value)
        member._value_ = value
        member.ja, member.en = ja, en
        return member

    SUCCESS = 0x9000, "成功", "success"
    END_OF_FILE_REACHED = 0x6282, "ファイルの終わりまで読んだ", "data follow, fewer than asked for"
    VERIFICATION_FAILED = 0x63C0, "照合の残り回数", "tries left"
    """The low digit counts them."""
    MEMORY_FAILURE = 0x6581, "メモリの故障", "memory failure"
    WRONG_LENGTH = 0x6700, "長さの誤り", "wrong length"
    COMMAND_INCOMPATIBLE_WITH_FILE = 0x6981, "ファイルの種類が合わない", "command does not fit this kind of file"
    SECURITY_STATUS_NOT_SATISFIED = 0x6982, "照合が必要", "something must be verified first"
    AUTHENTICATION_METHOD_BLOCKED = 0x6983, "ロックされている", "blocked"
    REFERENCE_DATA_NOT_USABLE = 0x6984, "照合に使えない", "reference data not usable"
    """To VERIFY of a blocked PIN; to the question for tries left: there is no PIN (an assumption)."""
    CONDITIONS_NOT_SATISFIED = 0x6985, "使用条件を満たさない", "conditions of use not satisfied"
    NO_CURRENT_EF = 0x6986, "ファイルが選択されていない", "no file is selected"
    WRONG_DATA = 0x6A80, "データの誤り", "wrong data"
    FILE_NOT_FOUND = 0x6A82, "ファイルがない", "no such file or application"
    INCORRECT_P1_P2 = 0x6A86, "P1・P2の誤り", "incorrect P1 or P2"
    REFERENCE_DATA_NOT_FOUND = 0x6A88, "照合するものがない", "reference data not found"
    WRONG_OFFSET = 0x6B00, "位置がファイルの外", "offset outside the file"
    INS_NOT_SUPPORTED = 0x6D00, "知らない命令", "instruction not supported"
    CLA_NOT_SUPPORTED = 0x6E00, "知らないクラス", "class not supported"
    NO_PRECISE_DIAGNOSIS = 0x6F00, "理由のないエラー", "no precise diagnosis"


def meaning(sw: int) -> str:
    """A status word for people, as `6982 照合が必要 / something must be verified first`."""
    if sw & 0xFFF0 == SW.VERIFICATION_FAILED:
        return f"{sw:04X} {SW.VERIFICATION_FAILED.ja} {sw & 0xF} / {SW.VERIFICATION_FAILED.en}"
    try:
        known = SW(sw)  # type: ignore[call-arg]  # looked up by value
    except ValueError:
        return f"{sw:04X}"
    return f"{sw:04X} {known.ja} / {known.en}"


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

    @classmethod
    def parse(cls, answer: bytes) -> "Response":
        """Raises CardFault for what is no response."""
        if not 2 <= len(answer) <= EXTENDED_LE + 2:
            raise CardFault(f"response of {len(answer)} bytes")
        return cls(answer[:-2], int.from_bytes(answer[-2:], "big"))

    @property
    def tries_left(self) -> int | None:
        """Tries left as a 63Cx status tells them, or None for any other status."""
        return self.sw & 0x0F if self.sw & 0xFFF0 == SW.VERIFICATION_FAILED else None


def exchange(session: CardSession, command: Command) -> Response:
    """Send a command and take its whole response. Raises CardGone, CardFault.

    A card or reader that hands data out in parts (61xx) is asked for the rest, and one that names the length it has
    (6Cxx) is asked again for that; a command that wants no data, VERIFY above all, is never sent twice.
    """
    answer = _exchange(session, command)
    if answer.sw >> 8 == _WRONG_LE and command.le:
        answer = _exchange(session, replace(command, le=answer.sw & 0xFF or SHORT_LE))
    data = answer.data
    for _ in range(_ROUNDS):
        if answer.sw >> 8 != _MORE_DATA:
            break
        answer = _exchange(session, Command(Ins.GET_RESPONSE, 0x00, 0x00, le=answer.sw & 0xFF or SHORT_LE))
        if answer.sw >> 8 == _MORE_DATA and len(answer.data) < LEAST_PART:
            raise CardFault(f"response in parts of {len(answer.data)} bytes")
        data += answer.data
        if len(data) > EXTENDED_LE:
            raise CardFault(f"response of {len(data)} bytes in parts")
    return Response(data, answer.sw)


def _exchange(session: CardSession, command: Command) -> Response:
    return Response.parse(session.transmit(command.encode()))
