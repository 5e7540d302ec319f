"""券面事項確認AP, the card surface application: photo, the issuer's signature over it, the card's own key.

It is opened by number B (照合番号B), which is printed on the card's front. Number A, and the picture of the 12-digit
number that it opens, are never touched.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from board.contracts import CardSession
from firmware.card.apdu import SW
from firmware.card.application import FILE_CAP, Application
from firmware.card.medium import CardDamaged
from firmware.token import tlv
from firmware.token.evidence import digest_info

AID: Final = bytes.fromhex("D3921000310001010402")
NUMBER_B_TRIES: Final = 10
NUMBER_B_LENGTH: Final = 14
TRIES_KEPT: Final = 4
"""With fewer tries left than this the reader does not try: a blocked number B costs a trip to the municipal office."""
ISSUER_CERTIFICATE_CAP: Final = 2048

_SURFACE: Final = 0x0002
_ISSUER_CERTIFICATE: Final = 0x0004
_NUMBER_B: Final = 0x0012

_SURFACE_TAG: Final = 0xFF20
_BIRTH_DATE, _SEX, _CARD_KEY = 0xDF22, 0xDF23, 0xDF24
_NAME_PICTURE, _ADDRESS_PICTURE, _PHOTO, _SIGNATURE = 0xDF25, 0xDF26, 0xDF27, 0xDF28


@dataclass(frozen=True)
class NumberBOk:
    """Verified, until the card is powered off."""


@dataclass(frozen=True)
class NumberBWrong:
    """Refused: read wrongly, or not this card's."""

    tries_left: int


@dataclass(frozen=True)
class NumberBBlocked:
    """No tries left, or too few to risk one."""

    tries_left: int


@dataclass(frozen=True, repr=False)
class Surface:
    """What is printed on the card, as far as a visit needs it; not yet checked against its signature."""

    photo: bytes
    """JPEG 2000 in JP2; nothing on a card without one, an infant's say."""
    group1: bytes
    """DF22, DF23 and DF24, tags and lengths included: birth date, sex, card key."""
    group2_hash: bytes
    """SHA-256 over DF25 and DF26, tags and lengths included: the pictures of name and address."""
    photo_hash: bytes
    """SHA-256 over DF27, tag and length included."""
    signature: bytes
    """DF28: the issuer's, over the hash of group 1 and the other two."""


class CardSurfaceAp(Application):
    """券面事項確認AP, selected. Methods raise CardGone, CardFault, CardDamaged."""

    def __init__(self, session: CardSession) -> None:
        """Select it. Raises NotMyNumberCard, CardGone, CardFault."""
        super().__init__(session, AID)

    def number_b_tries(self) -> int:
        """Tries left for number B. Spends none."""
        answer = self._query(_NUMBER_B)
        match answer.sw:
            case SW.SUCCESS:  # it stands verified
                return NUMBER_B_TRIES
            case SW.AUTHENTICATION_METHOD_BLOCKED | SW.REFERENCE_DATA_NOT_USABLE:
                return 0
        if answer.tries_left is None:
            raise CardDamaged(f"tries of {_NUMBER_B:04X}", answer.sw)
        return answer.tries_left

    def verify_number_b(self, digits: str) -> NumberBOk | NumberBWrong | NumberBBlocked:
        """Present number B, 14 digits; a wrong one spends a try, and none is spent where few are left.

        Raises ValueError, and asks nothing of the card, for anything but 14 digits.
        """
        if len(digits) != NUMBER_B_LENGTH or not (digits.isascii() and digits.isdigit()):
            raise ValueError("14 digits expected")
        tries_left = self.number_b_tries()
        if tries_left < TRIES_KEPT:
            return NumberBBlocked(tries_left)
        after = self._verify(_NUMBER_B, digits.encode())
        return NumberBOk() if after is None else NumberBWrong(after)

    def surface(self) -> Surface:
        """Read the card's face. Needs number B verified."""
        content = self._read_object(_SURFACE, FILE_CAP)
        try:
            (surface,) = tlv.elements(content)
            parts = tlv.by_tag(surface.value)
            if surface.tag != _SURFACE_TAG:
                raise CardDamaged("parse 0002")
            return Surface(
                parts[_PHOTO].value,
                _encoded(parts, _BIRTH_DATE, _SEX, _CARD_KEY),
                sha256(_encoded(parts, _NAME_PICTURE, _ADDRESS_PICTURE)).digest(),
                sha256(_encoded(parts, _PHOTO)).digest(),
                parts[_SIGNATURE].value,
            )
        except (ValueError, KeyError):
            raise CardDamaged("parse 0002") from None

    def issuer_certificate(self) -> bytes:
        """The CV certificate of the signer of this card's face (EF 0004), as `firmware.token.cv` reads it."""
        return self._read_object(_ISSUER_CERTIFICATE, ISSUER_CERTIFICATE_CAP)

    def sign_with_card_key(self, challenge: bytes) -> bytes:
        """PKCS #1 v1.5 with SHA-256 over `challenge` by the key whose public half is in group 1. Needs no number B.

        A copy of the card's files cannot do this.
        """
        return self._sign(digest_info(sha256(challenge).digest()), None)


def _encoded(parts: dict[int, tlv.Element], *tags: int) -> bytes:
    return b"".join(parts[tag].encoded for tag in tags)
