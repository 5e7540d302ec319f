"""What the card's applications have in common: select, read, verify, sign."""

from typing import Final

from board.contracts import CardSession
from firmware.card.apdu import SHORT_LE, SW, Command, Ins, Response, exchange
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.token import tlv

FILE_CAP: Final = 0x8000
"""Largest file: READ BINARY takes offsets of 15 bits."""
SIGN_CAP: Final = 245
"""Largest DigestInfo that a 2048-bit key takes (RFC 8017 section 7.2.1: 11 bytes of padding)."""
CURRENT_EF: Final = 0x80
"""P2 of VERIFY and of the signature command: the key or PIN in the file that is selected."""

SIGNATURE_CAP: Final = 512
"""Bytes: a 4096-bit key; today's cards have 2048 bits."""

_SHORT_CHUNK: Final = 251
"""With status word and framing it fits one 256-byte frame of ISO/IEC 14443-4; 256 would need a second."""
_BY_NAME, _BY_FILE_ID, _NO_FCI = 0x04, 0x02, 0x0C


class Application:
    """One application of the card, selected. Methods raise CardGone, CardFault, CardDamaged."""

    def __init__(self, session: CardSession, aid: bytes) -> None:
        """Select it. Raises NotMyNumberCard if the card has no such application."""
        self._session = session
        select = Command(Ins.SELECT, _BY_NAME, _NO_FCI, aid)
        answer = exchange(session, select)
        if answer.sw == SW.NO_PRECISE_DIAGNOSIS:  # some cards answer so to the first command after power-up
            answer = exchange(session, select)
        if answer.sw != SW.SUCCESS:
            raise NotMyNumberCard

    def _select(self, ef: int) -> None:
        self._must(Command(Ins.SELECT, _BY_FILE_ID, _NO_FCI, ef.to_bytes(2, "big")), f"select {ef:04X}")

    def _read_object(self, ef: int, cap: int) -> bytes:
        """The one BER-TLV object in a file, without the padding after it; at most `cap` bytes."""
        self._select(ef)
        content = self._read(ef, 0, tlv.HEADER_SIZE)
        try:
            size = tlv.object_size(content)
        except ValueError:
            raise CardDamaged(f"length of {ef:04X}") from None
        if not len(content) <= size <= cap:
            raise CardDamaged(f"size of {ef:04X}")
        return content + self._read(ef, len(content), size - len(content))

    def _read(self, ef: int, offset: int, length: int) -> bytes:
        """Exactly `length` bytes of the current file."""
        content = bytearray()
        while len(content) < length:
            position = offset + len(content)
            wanted = length - len(content)
            if wanted > SHORT_LE and not self._session.extended:
                wanted = _SHORT_CHUNK
            data = self._must(
                Command(Ins.READ_BINARY, position >> 8, position & 0xFF, le=wanted), f"read {ef:04X}"
            ).data
            if not 0 < len(data) <= wanted:
                raise CardDamaged(f"read {ef:04X}")
            content += data
        return bytes(content)

    def _tries(self, ef: int, limit: int) -> int:
        """Tries left for a PIN, without spending one; `limit` where it stands verified."""
        self._select(ef)
        answer = exchange(self._session, Command(Ins.VERIFY, 0x00, CURRENT_EF))
        return limit if answer.sw == SW.SUCCESS else _tries_left(answer, ef)

    def _verify(self, ef: int, secret: bytes) -> int | None:
        """Present a PIN: None if it is right, else the tries left."""
        self._select(ef)
        answer = exchange(self._session, Command(Ins.VERIFY, 0x00, CURRENT_EF, secret))
        return None if answer.sw == SW.SUCCESS else _tries_left(answer, ef)

    def _sign(self, digest_info: bytes, key: int) -> bytes:
        """PKCS #1 v1.5 over `digest_info` as it is; `key` is the P2 that names the key."""
        if not 0 < len(digest_info) <= SIGN_CAP:
            raise ValueError(f"DigestInfo of {len(digest_info)} bytes")
        command = Command(Ins.PERFORM_SECURITY_OPERATION, 0x00, key, digest_info, le=SHORT_LE, cla=0x80)
        signature = self._must(command, "sign").data
        if not 0 < len(signature) <= SIGNATURE_CAP:
            raise CardDamaged("sign")
        return signature

    def _must(self, command: Command, step: str) -> Response:
        answer = exchange(self._session, command)
        if answer.sw != SW.SUCCESS:
            raise CardDamaged(step, answer.sw)
        return answer


def _tries_left(answer: Response, ef: int) -> int:
    if answer.sw in (SW.AUTHENTICATION_METHOD_BLOCKED, SW.REFERENCE_DATA_NOT_USABLE):
        return 0
    if answer.tries_left is None:
        raise CardDamaged(f"verify {ef:04X}", answer.sw)
    return answer.tries_left
