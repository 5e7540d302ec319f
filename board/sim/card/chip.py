"""The chip: selection, security status, counters, and the commands it knows.

A verified PIN stands until the power goes: neither a reset nor the selection of a file ends it. Whether selecting
another application does is not known, so it is an option.
"""

import hmac

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from board.sim.card.applications import applications_of
from board.sim.card.command import Received, Refused, Status
from board.sim.card.data import CardData
from board.sim.card.files import Application, Counters, File, Key, Pin, Transparent
from board.sim.card.trace import Trace

ATR = bytes.fromhex("3B 88 80 01 00 00 05 E0 B3 81 A1 00 7F")
"""As observed: 106 to 424 kbit/s, frames of 256 bytes."""

_LARGEST_INPUT = 245


class VirtualCard:
    """One card for its whole life. Not for several threads at once."""

    atr = ATR

    def __init__(self, data: CardData, counters: Counters, trace: Trace, *, select_ends_security: bool = False) -> None:
        self._applications = applications_of(data)
        self._counters = counters
        self._trace = trace
        self._select_ends_security = select_ends_security
        self._application: Application | None = None
        self._file: tuple[int, File] | None = None
        self._verified: set[tuple[bytes, int]] = set()
        self.commands = 0
        """Commands answered."""
        self.signatures = 0
        """Signatures made."""
        self.forbidden = 0
        """How often something was touched that no reader has any business with."""

    def power_on(self) -> None:
        """Cold start."""
        self.power_off()
        self._trace.event("power on")

    def power_off(self) -> None:
        """Everything volatile is gone."""
        if self._verified or self._application:
            self._trace.event("power off")
        self._verified.clear()
        self._application = self._file = None

    def reset(self) -> None:
        """Warm reset: what was selected is forgotten, what was verified is not."""
        self._trace.event("reset")
        self._application = self._file = None

    def transmit(self, apdu: bytes) -> bytes:
        """Answer one command: data and status word."""
        self.commands += 1
        touched_before = self.forbidden
        try:
            data, sw = self._answer(Received.parse(apdu))
        except Refused as refused:
            data, sw = b"", refused.sw
        answer = data + sw.to_bytes(2, "big")
        self._trace.command(apdu, answer, self._current() + (" FORBIDDEN" if self.forbidden > touched_before else ""))
        return answer

    def _answer(self, command: Received) -> tuple[bytes, int]:
        match command.cla, command.ins:
            case 0x00, 0xA4:
                return self._select(command)
            case 0x00, 0xB0:
                return self._read_binary(command)
            case 0x00, 0x20:
                return self._verify(command)
            case 0x80, 0x2A:
                return self._sign(command)
            case ((0x00 | 0x80), _):
                raise Refused(Status.INS_NOT_SUPPORTED)
            case _:
                raise Refused(Status.CLA_NOT_SUPPORTED)

    def _select(self, command: Received) -> tuple[bytes, int]:
        match command.p1, command.p2:
            case 0x04, (0x00 | 0x0C):
                application = next((one for one in self._applications if one.aid == command.data), None)
                if application is None:
                    raise Refused(Status.FILE_NOT_FOUND)
                if self._select_ends_security and application is not self._application:
                    self._verified.clear()
                self._application, self._file = application, None
            case 0x02, (0x00 | 0x0C):
                if len(command.data) != 2:
                    raise Refused(Status.WRONG_LENGTH)
                self._file = self._find(int.from_bytes(command.data, "big"))
            case ((0x00 | 0x02 | 0x04), _):
                raise Refused(Status.FILE_NOT_FOUND)
            case _:
                raise Refused(Status.INCORRECT_P1_P2)
        return b"", Status.SUCCESS

    def _read_binary(self, command: Received) -> tuple[bytes, int]:
        by_short_id = command.p1 & 0x80
        ef, file = self._addressed(0x80 | command.p1 & 0x1F if by_short_id else 0x80)
        if not isinstance(file, Transparent):
            raise Refused(Status.INCOMPATIBLE_WITH_FILE)
        if not command.le:
            raise Refused(Status.WRONG_LENGTH)
        self._must_be_open(file)
        if file.broken:
            raise Refused(Status.MEMORY_FAILURE)
        self._file = (ef, file)
        offset = command.p2 if by_short_id else command.p1 << 8 | command.p2
        if offset >= len(file.content):
            raise Refused(Status.WRONG_OFFSET)
        data = file.content[offset : offset + command.le]
        short = len(data) < command.le and not command.wants_all
        return data, Status.END_OF_FILE_REACHED if short else Status.SUCCESS

    def _verify(self, command: Received) -> tuple[bytes, int]:
        if command.p1 or not command.p2 & 0x80:
            raise Refused(Status.INCORRECT_P1_P2)
        application = self._selected()
        ef, pin = self._addressed(command.p2)
        if not isinstance(pin, Pin):
            raise Refused(Status.INCOMPATIBLE_WITH_FILE)
        self._file = (ef, pin)
        if pin.absent is not None:
            raise Refused(pin.absent)
        left = self._counters.left(application.aid, ef, pin.limit)
        if not command.data:
            return b"", Status.VERIFICATION_FAILED | left
        if not left:
            raise Refused(Status.REFERENCE_DATA_NOT_USABLE)
        self._counters.set(application.aid, ef, left - 1)
        if pin.secret is None or not hmac.compare_digest(pin.secret, command.data):
            self._verified.discard((application.aid, ef))
            return b"", Status.VERIFICATION_FAILED | left - 1
        self._counters.set(application.aid, ef, pin.limit)
        self._verified.add((application.aid, ef))
        return b"", Status.SUCCESS

    def _sign(self, command: Received) -> tuple[bytes, int]:
        if command.p1:
            raise Refused(Status.INCORRECT_P1_P2)
        key = self._selected().default_key if command.p2 == 0 else self._addressed(command.p2)[1]
        if not isinstance(key, Key):
            raise Refused(Status.CONDITIONS_NOT_SATISFIED)
        self._must_be_open(key)
        private = key.private
        rsa = isinstance(private, RSAPrivateKey)
        fits = 0 < len(command.data) <= _LARGEST_INPUT if rsa else len(command.data) == SHA384.digest_size
        if not fits or not command.le:
            raise Refused(Status.WRONG_LENGTH)
        self.signatures += 1
        if isinstance(private, RSAPrivateKey):
            return private.sign(command.data, PKCS1v15(), NoDigestInfo()), Status.SUCCESS
        return _plain(private.sign(command.data, ECDSA(Prehashed(SHA384())))), Status.SUCCESS

    def _selected(self) -> Application:
        if self._application is None:
            raise Refused(Status.CONDITIONS_NOT_SATISFIED)
        return self._application

    def _find(self, ef: int) -> tuple[int, File]:
        file = self._selected().files.get(ef)
        if file is None:
            raise Refused(Status.FILE_NOT_FOUND)
        self.forbidden += file.forbidden
        return ef, file

    def _addressed(self, reference: int) -> tuple[int, File]:
        """The file that `80 | short identifier` names; with no identifier the current one."""
        if reference & 0x1F:
            return self._find(reference & 0x1F)
        if self._file is None:
            raise Refused(Status.NO_CURRENT_EF)
        self.forbidden += self._file[1].forbidden
        return self._file

    def _must_be_open(self, file: Transparent | Key) -> None:
        aid = self._selected().aid
        if file.opened_by and not any((aid, ef) in self._verified for ef in file.opened_by):
            raise Refused(Status.SECURITY_STATUS_NOT_SATISFIED)

    def _current(self) -> str:
        """What is selected, in words."""
        names = [part.name for part in (self._application, self._file and self._file[1]) if part]
        return " / ".join(names) or "nothing selected"


def _plain(der: bytes) -> bytes:
    """An ECDSA signature of P-384 as r, then s, 48 bytes each."""
    return b"".join(number.to_bytes(SHA384.digest_size, "big") for number in decode_dss_signature(der))
