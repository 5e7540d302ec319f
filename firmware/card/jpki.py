"""公的個人認証AP: the user-authentication certificate, its PIN and its key."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from board.contracts import CardSession
from firmware.card.apdu import SW
from firmware.card.application import Application
from firmware.card.medium import CardDamaged, Medium, NotMyNumberCard

AID: Final = bytes.fromhex("D392F000260100000001")
PIN_TRIES: Final = 3
PIN_LENGTH: Final = 4
CERTIFICATE_CAP: Final = 4096
"""The file on today's cards has 1,900 bytes."""

_TOKEN_INFORMATION: Final = 0x0006
_AUTHENTICATION_CERTIFICATE: Final = 0x000A
_AUTHENTICATION_KEY: Final = 0x0017
_AUTHENTICATION_PIN: Final = 0x0018
_LABEL_SIZE: Final = 32


@dataclass(frozen=True)
class PinReady:
    """There is a PIN, and it can be tried."""

    tries_left: int


@dataclass(frozen=True)
class PinAbsent:
    """The card has no PIN (顔認証マイナンバーカード): its holder is confirmed by face."""


@dataclass(frozen=True)
class PinOk:
    """Verified, until the card is powered off."""


@dataclass(frozen=True)
class PinWrong:
    """Refused."""

    tries_left: int


@dataclass(frozen=True)
class PinBlocked:
    """No tries left; the municipal office unblocks it."""


PinState = PinReady | PinBlocked | PinAbsent


class Jpki(Application):
    """公的個人認証AP, selected. Methods raise CardGone, CardFault, CardDamaged."""

    def __init__(self, session: CardSession, media: Collection[Medium] = (Medium.CARD,)) -> None:
        """Select it on one of these `media`. Raises NotMyNumberCard, CardGone, CardFault, CardDamaged.

        A visit takes plastic cards only: this reader has no visit for a smartphone.
        """
        super().__init__(session, AID)
        self.medium = Medium.of(self._read_start(_TOKEN_INFORMATION, _LABEL_SIZE))
        if self.medium not in media:
            raise NotMyNumberCard

    def pin_state(self) -> PinState:
        """How the user-authentication PIN stands. Spends no try.

        What a card without a PIN answers is not published: "reference data not usable", "not found" and a file that is
        not there are taken so.
        A blocked PIN answers 63C0 to this question (observed).
        """
        try:
            answer = self._query(_AUTHENTICATION_PIN)
        except CardDamaged as missing:
            if missing.sw == SW.FILE_NOT_FOUND:
                return PinAbsent()
            raise
        match answer.sw:
            case SW.SUCCESS:  # it stands verified
                return PinReady(PIN_TRIES)
            case SW.AUTHENTICATION_METHOD_BLOCKED | SW.VERIFICATION_FAILED:
                return PinBlocked()
            case SW.REFERENCE_DATA_NOT_USABLE | SW.REFERENCE_DATA_NOT_FOUND:
                return PinAbsent()
        if answer.tries_left is None:
            raise CardDamaged(f"tries of {_AUTHENTICATION_PIN:04X}", answer.sw)
        return PinReady(answer.tries_left)

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

    def sign(self, data: bytes) -> bytes:
        """Have the authentication key sign `data`, 1 to 245 bytes: an RSA key a DigestInfo (RFC 8017 section 9.2).

        Needs the PIN verified. Raises ValueError for another length.
        """
        return self._sign(data, _AUTHENTICATION_KEY)
