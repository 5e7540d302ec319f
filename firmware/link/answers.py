"""What the terminal answers."""

from dataclasses import dataclass
from enum import StrEnum

from firmware.wire import messages


class CertificateStatus(StrEnum):
    """What the terminal knows of a card's authentication certificate."""

    GOOD = "good"
    ENDING = "ending"
    """To be renewed soon."""
    ENDED = "ended"
    """The insurance can be confirmed, and no record be shared."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    """The terminal cannot tell."""


_STATUSES = {
    messages.GOOD: CertificateStatus.GOOD,
    messages.ENDING: CertificateStatus.ENDING,
    messages.ENDED: CertificateStatus.ENDED,
    messages.EXPIRED: CertificateStatus.EXPIRED,
    messages.REVOKED: CertificateStatus.REVOKED,
    messages.UNCERTAIN: CertificateStatus.UNKNOWN,
}


@dataclass(frozen=True)
class Settings:
    """The terminal's settings, as of the last connection."""

    bridge_id: bytes
    facility_key: bytes
    facility_kind: int
    """Point-table code (点数表コード): 1 medical, 3 dental, 4 pharmacy."""
    demo: bool
    now: int
    """The terminal's time when it connected, seconds since 1970 UTC."""

    @classmethod
    def unpack(cls, body: bytes) -> "Settings":
        """From the body of a WELCOME. Raises Malformed."""
        return cls(*messages.unpack_welcome(body))


@dataclass(frozen=True)
class Standing:
    """What is known of the holder of a certificate."""

    registered: bool
    certificate: CertificateStatus
    validity: int
    """QualificationValidity (OQSCD006)."""

    @classmethod
    def unpack(cls, body: bytes) -> "Standing":
        """From the body of a STANDING. Raises Malformed."""
        registered, certificate, validity = messages.unpack_standing(body)
        return cls(registered, _STATUSES[certificate], validity)


@dataclass(frozen=True)
class Receipt:
    """The terminal's last word on a token: `accepted` means it is on the terminal's disk."""

    cti: bytes
    accepted: bool
    refusal: str | None

    @classmethod
    def unpack(cls, body: bytes) -> "Receipt":
        """From the body of a RECEIPT. Raises Malformed."""
        cti, accepted, refusal = messages.unpack_receipt(body)
        return cls(cti, accepted, refusal or None)
