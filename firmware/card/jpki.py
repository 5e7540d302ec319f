"""公的個人認証AP: the user-authentication certificate, its PIN and its key."""

from dataclasses import dataclass
from typing import Final

from board.contracts import CardSession
from firmware.card.application import CURRENT_EF, Application
from firmware.card.medium import NotMyNumberCard

AID: Final = bytes.fromhex("D392F000260100000001")
PIN_TRIES: Final = 3
PIN_LENGTH: Final = 4
CERTIFICATE_CAP: Final = 4096
"""The file on today's cards has 1,900 bytes."""

_TOKEN_INFORMATION: Final = 0x0006
_AUTHENTICATION_CERTIFICATE: Final = 0x000A
_AUTHENTICATION_KEY: Final = 0x0017
_AUTHENTICATION_PIN: Final = 0x0018
_PLASTIC_CARD: Final = b"JPKIAPICCTOKEN"
"""How the label in EF 0006 begins on a card; a smartphone bears another one (observed)."""


@dataclass(frozen=True)
class PinOk:
    """Verified, until the card is powered off."""


@dataclass(frozen=True)
class PinWrong:
    """Refused; the municipal office unblocks a PIN that has no tries left."""

    tries_left: int


@dataclass(frozen=True)
class PinBlocked:
    """No tries left."""


class Jpki(Application):
    """公的個人認証AP, selected. Methods raise CardGone, CardFault, CardDamaged."""

    def __init__(self, session: CardSession) -> None:
        """Select it. Raises NotMyNumberCard, CardGone, CardFault, CardDamaged.

        A smartphone that bears it counts as no card: this reader has no visit for one.
        """
        super().__init__(session, AID)
        self._select(_TOKEN_INFORMATION)
        if self._read(_TOKEN_INFORMATION, 0, len(_PLASTIC_CARD)) != _PLASTIC_CARD:
            raise NotMyNumberCard

    def pin_tries(self) -> int:
        """Tries left for the user-authentication PIN. Spends none."""
        return self._tries(_AUTHENTICATION_PIN, PIN_TRIES)

    def verify_pin(self, pin: bytearray) -> PinOk | PinWrong | PinBlocked:
        """Present the PIN, four ASCII digits; the caller wipes it. A wrong one spends a try.

        What was checked is sent, even if the caller wipes `pin` while a cancelled call still runs. Raises ValueError,
        and asks nothing of the card, for anything but four digits.
        """
        secret = bytes(pin)
        if len(secret) != PIN_LENGTH or not secret.isdigit():
            raise ValueError("four digits expected")
        tries_left = self._verify(_AUTHENTICATION_PIN, secret)
        if tries_left is None:
            return PinOk()
        return PinWrong(tries_left) if tries_left else PinBlocked()

    def authentication_certificate(self) -> bytes:
        """The user-authentication certificate, DER, without the padding of its file. Needs no PIN on a plastic card."""
        return self._read_object(_AUTHENTICATION_CERTIFICATE, CERTIFICATE_CAP)

    def sign(self, digest_info: bytes) -> bytes:
        """PKCS #1 v1.5 over `digest_info` (RFC 8017 section 9.2), 1 to 245 bytes, by the authentication key.

        Needs the PIN verified. Raises ValueError for another length.
        """
        self._select(_AUTHENTICATION_KEY)
        return self._sign(digest_info, CURRENT_EF)
