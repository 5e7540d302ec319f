"""What the eligibility system (オンライン資格確認等システム) knows of a patient: the contract.

The real system is reached through software that only registered vendors receive; this contract is where it goes.
`eligibility_simulator` stands in for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from host_bridge.outlets.oqs_face import Result


class EligibilityUnavailable(Exception):
    """The eligibility system cannot be asked right now."""


class CertificateStatus(StrEnum):
    """What is known of an authentication certificate, from the gravest to the best: where two hold, the first counts.

    What forbids comes before what nobody knows, and that before a mere notice.
    """

    REVOKED = "revoked"
    EXPIRED = "expired"
    """Ended, and the months after its end are over too (firmware.policy.certificate)."""
    ENDED = "ended"
    """Ended within the last months: the insurance can be confirmed, and no record be shared."""
    UNKNOWN = "unknown"
    """Nobody could say: asked in vain, of an authority that the bridge does not know, or by a clock that is wrong."""
    ENDING = "ending"
    """To be renewed soon."""
    GOOD = "good"


def graver(one: CertificateStatus, other: CertificateStatus) -> CertificateStatus:
    """Which of two statuses counts."""
    return min(one, other, key=list(CertificateStatus).index)


class QualificationValidity(IntEnum):
    """OQSCD006."""

    VALID = 1
    INVALID = 2
    REPLACED = 3
    """Invalid; another qualification exists."""
    NONE = 4
    SEVERAL = 5
    VALID_UNREGISTERED = 6
    """Medical assistance."""


@dataclass(frozen=True)
class Qualification:
    """The answer for one patient."""

    registered: bool
    """Whether the card is registered for use as an insurance card."""
    validity: QualificationValidity
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Prescription:
    """An electronic prescription (電子処方箋) that has not been dispensed."""

    id: str
    """At most 32 ASCII characters."""
    day: str
    """Of issue, yyyymmdd."""
    issuer: str
    """Name of the institution, at most 96 bytes of UTF-8."""


class Eligibility(Protocol):
    """The eligibility system, asked by the SHA-256 of the DER authentication certificate."""

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        """GOOD, REVOKED or UNKNOWN. Raises EligibilityUnavailable."""

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        """Raises EligibilityUnavailable."""

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]:
        """What may be dispensed to this patient. Raises EligibilityUnavailable."""

    def disaster(self) -> bool:
        """Whether the system is in its disaster mode (災害時). Raises EligibilityUnavailable."""

    def passcode(self) -> str | None:
        """What staff type to confirm a patient by eye (目視確認), or None where that is not done here. Raises
        EligibilityUnavailable."""
