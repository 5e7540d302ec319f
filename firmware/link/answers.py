"""What the terminal answers."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from firmware.token.record import seal
from firmware.wire import messages


class LinkDown(Exception):
    """There is no answer: the terminal cannot be reached, or did not give one in its time."""


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

    @classmethod
    def unpack(cls, body: bytes) -> "CertificateStatus":
        """From the body of a CERTIFICATE_STATUS. Raises Malformed."""
        return _STATUSES[messages.unpack_certificate_status(body)]


_NAME = re.compile(r"[a-z0-9_]*")
"""Reasons go into the event log, where nothing else that a terminal says may go."""

_NO_TIME: Final = 253_370_764_800
"""Seconds from 1970 to the year 9999, the last one that a date can have."""

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
    """The terminal's settings, as it gave them last."""

    bridge_id: bytes
    facility_key: bytes
    sealing_key: bytes
    """What records are sealed to (X25519), 32 bytes."""
    facility_kind: int
    """Point-table code (点数表コード): 1 medical, 3 dental, 4 pharmacy."""
    demo: bool
    disaster: bool
    """The eligibility system is in its disaster mode (災害時)."""
    prescriptions: bool
    """Prescriptions can be chosen here (電子処方箋)."""
    staff_check: bool
    """Staff may confirm a patient by eye (目視確認)."""
    now: int
    """The terminal's time when it gave them, seconds since 1970 UTC."""

    @classmethod
    def unpack(cls, body: bytes) -> "Settings":
        """From the body of a SETTINGS. Raises Malformed."""
        bridge_id, facility_key, sealing_key, kind, flags, now = messages.unpack_settings(body)
        if now >= _NO_TIME:
            raise messages.Malformed("a time that no calendar has")
        try:
            seal(sealing_key, bridge_id, b"", b"")
        except ValueError:
            raise messages.Malformed("a sealing key to which nothing can be sealed") from None
        return cls(
            bridge_id,
            facility_key,
            sealing_key,
            kind,
            demo=bool(flags & messages.DEMO),
            disaster=bool(flags & messages.DISASTER),
            prescriptions=bool(flags & messages.HAS_PRESCRIPTIONS),
            staff_check=bool(flags & messages.STAFF_CHECK),
            now=now,
        )


@dataclass(frozen=True)
class Met:
    """The terminal's settings, and when they came."""

    settings: Settings
    at: int

    def time(self, now: int) -> int:
        """The terminal's time, carried on by our own count: seconds since 1970 UTC."""
        return self.settings.now + (now - self.at) // 1000


@dataclass(frozen=True)
class Standing:
    """What is known of the holder of a certificate, and what may be asked of them."""

    registered: bool
    certificate: CertificateStatus
    validity: int
    """QualificationValidity (OQSCD006)."""
    ask_consents: bool
    ask_prescriptions: bool

    @classmethod
    def of(cls, answer: tuple[bool, int, int], certificate: CertificateStatus) -> "Standing":
        """`answer`: as unpack_standing gives it."""
        registered, validity, may_ask = answer
        consents, prescriptions = (bool(may_ask & what) for what in (messages.ASK_CONSENTS, messages.ASK_PRESCRIPTIONS))
        return cls(registered, certificate, validity, consents, prescriptions)


@dataclass(frozen=True)
class Prescription:
    """One electronic prescription (電子処方箋) that the patient may choose."""

    number: bytes
    issued: date
    issuer: str

    @classmethod
    def unpack_list(cls, body: bytes) -> list["Prescription"]:
        """From the body of a PRESCRIPTION_LIST. Raises Malformed."""
        return [cls(number, _day(day), issuer) for number, day, issuer in messages.unpack_prescriptions(body)]


class Verdict(StrEnum):
    """What became of a staff passcode."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    """Too many wrong ones: none is looked at for a while."""


@dataclass(frozen=True)
class PasscodeChecked:
    """The terminal's word on a staff passcode."""

    verdict: Verdict
    tries_left: int

    @classmethod
    def unpack(cls, body: bytes) -> "PasscodeChecked":
        """From the body of a PASSCODE. Raises Malformed."""
        verdict, tries_left = messages.unpack_verdict(body)
        return cls(_VERDICTS[verdict], tries_left)


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
        if not _NAME.fullmatch(refusal):
            raise messages.Malformed("a reason that is no name")
        return cls(cti, accepted, refusal or None)


_VERDICTS = {
    messages.PASSCODE_RIGHT: Verdict.RIGHT,
    messages.PASSCODE_WRONG: Verdict.WRONG,
    messages.PASSCODE_LOCKED: Verdict.LOCKED,
}


def _day(number: int) -> date:
    try:
        return date(number // 10000, number // 100 % 100, number % 100)
    except ValueError:
        raise messages.Malformed(f"{number} is no day") from None
