"""What the card's applications have in common: select, read, verify, sign."""

from dataclasses import replace
from typing import Final

from board.contracts import CardSession
from firmware.card.apdu import LEAST_PART, SHORT_LE, SW, Command, Ins, Response, exchange
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.token import tlv

FILE_CAP: Final = 0x8000
"""Largest file: READ BINARY takes offsets of 15 bits."""
SIGN_CAP: Final = 245
"""Largest DigestInfo that a 2048-bit key takes (RFC 8017 section 7.2.1: 11 bytes of padding)."""
SIGNATURE_CAP: Final = 512
"""Bytes: a 4096-bit key; today's cards have 2048 bits."""

_SHORT_CHUNK: Final = 251
"""With status word and framing it fits one 256-byte frame of ISO/IEC 14443-4; 256 would need a second."""
_SHORT_FILE_ID: Final = 0x80
"""P1 of READ BINARY, P2 of VERIFY and of the signature command: the low five bits name the file (ISO/IEC 7816-4
section 7.2.3; the others observed)."""
_CURRENT_EF: Final = 0x80
"""P2 of VERIFY and of the signature command: the key or PIN in the file that is selected."""
_DEFAULT_KEY: Final = 0x00
_BLOCKED: Final = (SW.AUTHENTICATION_METHOD_BLOCKED, SW.REFERENCE_DATA_NOT_USABLE)
_BY_NAME, _BY_FILE_ID, _NO_FCI = 0x04, 0x02, 0x0C
_READ: Final = (SW.SUCCESS, SW.END_OF_FILE_REACHED)


class Application:
    """One application of the card, selected. Methods raise CardGone, CardFault, CardDamaged."""

    def __init__(self, session: CardSession, aid: bytes) -> None:
        """Select it. Raises NotMyNumberCard if the card has no such application."""
        self._session = session
        self.extended = session.extended
        """Whether reader and card have both been found to take extended APDUs, as far as is known."""
        self._found_by_short_id: set[int] = set()
        select = Command(Ins.SELECT, _BY_NAME, _NO_FCI, aid)
        answer = exchange(session, select)
        if answer.sw == SW.NO_PRECISE_DIAGNOSIS:  # some cards answer so to the first command after power-up
            answer = exchange(session, select)
        if answer.sw != SW.SUCCESS:
            raise NotMyNumberCard

    def _select(self, ef: int) -> None:
        answer = exchange(self._session, Command(Ins.SELECT, _BY_FILE_ID, _NO_FCI, ef.to_bytes(2, "big")))
        if answer.sw != SW.SUCCESS:
            raise CardDamaged(f"select {ef:04X}", answer.sw)

    def _read_object(self, ef: int, cap: int) -> bytes:
        """The one BER-TLV object in a file, without the padding after it; at most `cap` bytes."""
        content = self._read_start(ef, _SHORT_CHUNK)
        try:
            size = tlv.object_size(content)
        except ValueError:
            raise CardDamaged(f"length of {ef:04X}") from None
        if size > cap:
            raise CardDamaged(f"size of {ef:04X}")
        while len(content) < size:
            wanted = size - len(content)
            more = self._read_at(ef, len(content), wanted)
            if len(more) < min(wanted, LEAST_PART):
                raise CardDamaged(f"read {ef:04X}")
            content += more
        return content[:size]

    def _read_start(self, ef: int, length: int) -> bytes:
        """The first bytes of a file, at most `length` (up to 256), fewer where the file is shorter. Selects it.

        By short file identifier, which saves a command; by SELECT for a card that does not know those.
        """
        answer = exchange(self._session, Command(Ins.READ_BINARY, _SHORT_FILE_ID | ef, 0, le=length))
        if answer.sw in (*_READ, SW.SECURITY_STATUS_NOT_SATISFIED):
            return _data(answer, ef, length)
        self._select(ef)
        return self._read_at(ef, 0, length)

    def _read_at(self, ef: int, offset: int, length: int) -> bytes:
        """Some bytes of the current file, at least one, at most `length`, from `offset` on."""
        if self.extended and length > SHORT_LE:
            answer = exchange(self._session, Command(Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=length))
            if answer.sw in _READ:
                return _data(answer, ef, length)
            self.extended = False  # a card without extended APDUs says so in many ways
        length = min(length, _SHORT_CHUNK)
        return _data(
            exchange(self._session, Command(Ins.READ_BINARY, offset >> 8, offset & 0xFF, le=length)), ef, length
        )

    def _query(self, ef: int) -> Response:
        """Ask how a PIN stands, without spending a try. By short file identifier where the card knows those."""
        answer = exchange(self._session, Command(Ins.VERIFY, 0x00, _SHORT_FILE_ID | ef))
        if answer.sw in (SW.SUCCESS, *_BLOCKED) or answer.tries_left is not None:
            self._found_by_short_id.add(ef)
            return answer
        self._select(ef)
        return exchange(self._session, Command(Ins.VERIFY, 0x00, _CURRENT_EF))

    def _verify(self, ef: int, secret: bytes) -> int | None:
        """Present a PIN: None if it is right, else the tries left."""
        reference = _SHORT_FILE_ID | ef
        if ef not in self._found_by_short_id:  # a try is no way to find out
            self._select(ef)
            reference = _CURRENT_EF
        answer = exchange(self._session, Command(Ins.VERIFY, 0x00, reference, secret))
        if answer.sw == SW.SUCCESS:
            return None
        if answer.sw in _BLOCKED:
            return 0
        if answer.tries_left is None:
            raise CardDamaged(f"verify {ef:04X}", answer.sw)
        return answer.tries_left

    def _sign(self, data: bytes, key: int | None) -> bytes:
        """Have the key in a file, or the application's own, sign `data`, 1 to 245 bytes: with an RSA key PKCS #1 v1.5
        over them as they are."""
        if not 0 < len(data) <= SIGN_CAP:
            raise ValueError(f"{len(data)} bytes to sign")
        reference = _DEFAULT_KEY if key is None else _SHORT_FILE_ID | key
        command = Command(Ins.PERFORM_SECURITY_OPERATION, 0x00, reference, data, le=SHORT_LE, cla=0x80)
        answer = exchange(self._session, command)
        if key is not None and answer.sw not in (SW.SUCCESS, SW.SECURITY_STATUS_NOT_SATISFIED):
            self._select(key)
            answer = exchange(self._session, replace(command, p2=_CURRENT_EF))
        if answer.sw != SW.SUCCESS:
            raise CardDamaged("sign", answer.sw)
        signature = answer.data
        if not 0 < len(signature) <= SIGNATURE_CAP:
            raise CardDamaged("sign")
        return signature


def _data(answer: Response, ef: int, length: int) -> bytes:
    if answer.sw not in _READ:
        raise CardDamaged(f"read {ef:04X}", answer.sw)
    if not 0 < len(answer.data) <= length:
        raise CardDamaged(f"read {ef:04X}")
    return answer.data
