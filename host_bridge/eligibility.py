"""What the eligibility system (オンライン資格確認等システム) knows of a patient: the contract, and a simulator.

The real system is reached through software that only registered vendors receive; this contract is where it goes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Protocol

from host_bridge.outlets.oqs_face import Result, check_result


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


class Eligibility(Protocol):
    """The eligibility system, asked by the SHA-256 of the DER authentication certificate."""

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        """GOOD, REVOKED or UNKNOWN. Raises EligibilityUnavailable."""

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        """Raises EligibilityUnavailable."""


class PeopleMalformed(ValueError):
    """The simulator's file is not of the expected form; the text names the part, not its content."""


class EligibilitySimulator:
    """Answers from a JSON file made at set-up.

    `{"people": [{"certificate": SHA-256 hex, "registered": bool, "validity": 1-6, "results": [{element: text or
    group}, ...]}], "revoked": [serial number hex, ...]}`. Whoever is not in it has no qualification, and of their
    certificate nothing is known unless it is revoked.
    """

    def __init__(self, people: Mapping[bytes, Qualification], revoked: frozenset[int]) -> None:
        self._people = people
        self._revoked = revoked

    @classmethod
    def load(cls, file: Path) -> "EligibilitySimulator":
        """Raises OSError, PeopleMalformed."""
        text = file.read_text("utf-8")
        try:
            table = json.loads(text)
            people = {bytes.fromhex(person["certificate"]): _qualification(person) for person in table["people"]}
            revoked = frozenset(int(serial, 16) for serial in table["revoked"])
        except (ValueError, TypeError, KeyError) as error:
            raise PeopleMalformed(f"{file.name}: {type(error).__name__}") from error
        return cls(people, revoked)

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        """GOOD, REVOKED or UNKNOWN."""
        if serial in self._revoked:
            return CertificateStatus.REVOKED
        return CertificateStatus.GOOD if certificate_sha256 in self._people else CertificateStatus.UNKNOWN

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        """The person's qualification, or that there is none."""
        return self._people.get(certificate_sha256, Qualification(False, QualificationValidity.NONE, ()))


def _qualification(person: Mapping[str, Any]) -> Qualification:
    results = tuple(person["results"])
    for result in results:
        check_result(result)
    return Qualification(bool(person["registered"]), QualificationValidity(person["validity"]), results)
