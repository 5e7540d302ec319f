"""Why a token was refused, as far as a receptionist needs to know: each reason belongs to one ground."""

from enum import StrEnum
from typing import Final

from firmware.token.refusal import Refusal


class Ground(StrEnum):
    """One phrase each on the reception's page."""

    CARD_EXPIRED = "card_expired"
    CARD_REVOKED = "card_revoked"
    CONSENT_NOT_ALLOWED = "consent_not_allowed"
    CARD_NOT_GENUINE = "card_not_genuine"
    """The card could not show that it is genuine, or that the face on it is."""
    READER_EXPIRED = "reader_expired"
    READER_NOT_KNOWN = "reader_not_known"
    READER_FOR_DEMO = "reader_for_demo"
    READER_NOT_FOR_DEMO = "reader_not_for_demo"
    TOO_LATE = "too_late"
    REPEATED = "repeated"
    DAMAGED = "damaged"
    """What arrived is not a visit that the reader's software should have sent."""


_GROUNDS: Final = {
    Ground.CARD_EXPIRED: (Refusal.CERTIFICATE_EXPIRED,),
    Ground.CARD_REVOKED: (Refusal.CERTIFICATE_REVOKED,),
    Ground.CONSENT_NOT_ALLOWED: (Refusal.CONSENT_NOT_ALLOWED,),
    Ground.CARD_NOT_GENUINE: (
        Refusal.CERTIFICATE_MALFORMED,
        Refusal.CERTIFICATE_UNTRUSTED,
        Refusal.CERTIFICATE_MAC,
        Refusal.KEY_UNSUPPORTED,
        Refusal.PIN_SIGNATURE,
        Refusal.ISSUER_MALFORMED,
        Refusal.ISSUER_UNKNOWN,
        Refusal.ISSUER_FORGED,
        Refusal.PHOTO_CHANGED,
        Refusal.CARD_FACE_CHANGED,
        Refusal.HOLDER_CHANGED,
        Refusal.PHOTO_SIGNATURE_SWAPPED,
        Refusal.PHOTO_SIGNATURE,
        Refusal.CARD_CLONED,
    ),
    Ground.READER_EXPIRED: (Refusal.DEVICE_CERTIFICATE_EXPIRED,),
    Ground.READER_NOT_KNOWN: (
        Refusal.DEVICE_CERTIFICATE_MALFORMED,
        Refusal.DEVICE_CERTIFICATE_NOT_NAMED,
        Refusal.DEVICE_CERTIFICATE_UNTRUSTED,
        Refusal.DEVICE_REVOKED,
        Refusal.DEVICE_MISMATCH,
        Refusal.SIGNATURE,
        Refusal.AUDIENCE,
    ),
    Ground.READER_FOR_DEMO: (Refusal.DEMO_DEVICE,),
    Ground.READER_NOT_FOR_DEMO: (Refusal.NOT_A_DEMO_DEVICE,),
    Ground.TOO_LATE: (Refusal.NONCE_EXPIRED,),
    Ground.REPEATED: (
        Refusal.NONCE_MISMATCH,
        Refusal.NONCE_UNKNOWN,
        Refusal.NONCE_USED,
        Refusal.CTI_REUSED,
        Refusal.COUNTER_REUSED,
    ),
}
_GROUND_OF: Final = {refusal.value: ground for ground, refusals in _GROUNDS.items() for refusal in refusals}


def ground_of(refusal: str) -> Ground:
    """The ground of a reason; every reason that is not listed is one of encoding or form."""
    return _GROUND_OF.get(refusal, Ground.DAMAGED)
