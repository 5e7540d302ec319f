"""The applications of a My Number Card and the files in them, as published observations list them."""

from board.sim.card.data import CardData, Kind
from board.sim.card.files import Application, Key, Pin, Transparent

JPKI_AID = bytes.fromhex("D392F000260100000001")
SURFACE_AID = bytes.fromhex("D3921000310001010402")
AUTHENTICATION_PIN = 0x0018
SIGNATURE_PIN = 0x001B
NUMBER_A = 0x0013
NUMBER_B = 0x0012
PIN_LIMIT = 3
SIGNATURE_PIN_LIMIT = 5
NUMBER_LIMIT = 10

_CERTIFICATE_FILE_SIZE = 1900
_TOKEN_INFORMATION = b"JPKIAPICCTOKEN2".ljust(32) + b"Simulated".ljust(32) + bytes(96)
_BOTH_CERTIFICATES_PRESENT = bytes.fromhex("8F8F00")
"""What it says on a card without a digital signature certificate, as this one is, is not known."""


def applications_of(card: CardData) -> tuple[Application, ...]:
    """What the chip answers to; a card of another issuer answers to none of them."""
    return () if card.kind is Kind.OTHER else (_jpki(card), _surface(card))


def _jpki(card: CardData) -> Application:
    certificate = card.authentication_certificate.ljust(_CERTIFICATE_FILE_SIZE, b"\0")
    return Application(
        "公的個人認証AP",
        JPKI_AID,
        {
            0x0006: Transparent("token information", _TOKEN_INFORMATION),
            0x0008: Transparent("certificates present", _BOTH_CERTIFICATES_PRESENT),
            0x000A: Transparent("authentication certificate", certificate, broken=card.kind is Kind.DAMAGED),
            0x000B: Transparent("authentication CA", card.authentication_ca.ljust(_CERTIFICATE_FILE_SIZE, b"\0")),
            0x0017: Key("authentication key", card.authentication_key, frozenset((AUTHENTICATION_PIN,))),
            AUTHENTICATION_PIN: Pin("authentication PIN", card.pin.encode(), PIN_LIMIT, absent=card.manner.no_pin),
            SIGNATURE_PIN: Pin("signature password", None, SIGNATURE_PIN_LIMIT),
        },
    )


def _surface(card: CardData) -> Application:
    return Application(
        "券面事項確認AP",
        SURFACE_AID,
        {
            0x0002: Transparent("card surface", card.surface, frozenset((NUMBER_A, NUMBER_B))),
            0x0003: Transparent("basic data", card.basic),
            0x0004: Transparent("issuer certificate", card.issuer_certificate),
            0x0005: Transparent("picture of the 12-digit number", b"", frozenset((NUMBER_A,)), forbidden=True),
            0x0006: Transparent("filler", b"\xff" * 16),
            NUMBER_B: Pin("number B", card.number_b.encode(), NUMBER_LIMIT),
            NUMBER_A: Pin("number A", None, NUMBER_LIMIT, forbidden=True),
        },
        default_key=Key("card key", card.card_key),
    )
