"""The reception desk of the bridge: what a reader at the other end of the cable may ask. Any thread may call it."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from firmware.policy import FacilityKind
from firmware.token.certificate import load_certificate
from firmware.token.cose import unverified_index
from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.eligibility import (
    CertificateStatus,
    Eligibility,
    EligibilityUnavailable,
    QualificationValidity,
    graver,
)
from host_bridge.journal import Journal, StoredToken
from host_bridge.keys import Seal
from host_bridge.pairing import device_id_of
from host_bridge.verify import Trust, patient_certificate, status_by_date, verify_visit

_NO_CTI: Final = bytes(16)


@dataclass(frozen=True)
class Standing:
    """What a reader learns of a patient before anything is shown or asked."""

    registered: bool
    certificate: CertificateStatus
    validity: int
    """QualificationValidity (OQSCD006)."""


@dataclass(frozen=True)
class Receipt:
    """The last word on a token: accepted means that it is on disk."""

    cti: bytes
    """Of the token; zeros where it has none that could be read."""
    accepted: bool
    refusal: str | None
    """Value of firmware.token.refusal.Refusal."""


@dataclass(frozen=True)
class Settings:
    """What a reader needs to know of this facility."""

    bridge_id: bytes
    facility_key: bytes
    """Key for the certificate MAC in tokens, 32 bytes."""
    facility_kind: FacilityKind
    demo: bool
    now: int
    """Seconds since 1970."""


class Desk:
    """Answers a reader. Nothing is said that is not on disk first."""

    def __init__(
        self,
        journal: Journal,
        seal: Seal,
        trust: Trust,
        facility_kind: FacilityKind,
        eligibility: Eligibility,
        log: FilteringBoundLogger,
        stored: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`stored` is called after each new token; `clock` gives seconds since 1970."""
        self._journal = journal
        self._seal = seal
        self._trust = trust
        self._facility_kind = facility_kind
        self._eligibility = eligibility
        self._log = log
        self._stored = stored
        self._clock = clock
        self._accepting = threading.Lock()

    def settings(self) -> Settings:
        """What the reader is told when a session begins."""
        trust = self._trust
        return Settings(trust.bridge_id, trust.facility_key, self._facility_kind, trust.demo, self._now())

    def open_visit(self, device_id: str) -> bytes:
        """A nonce of 32 bytes that one token may answer. Raises JournalUnavailable."""
        nonce = self._journal.issue_nonce(device_id, self._now())
        self._log.info("nonce_issued", device=device_id)
        return nonce

    def identify(self, certificate: bytes) -> Standing:
        """What is known of the holder of an authentication certificate (DER). Raises EligibilityUnavailable."""
        standing = self._standing(certificate)
        self._log.info(
            "patient_identified",
            registered=standing.registered,
            certificate=standing.certificate.value,
            validity=standing.validity,
        )
        return standing

    def accept(self, device_chain: Sequence[bytes], token: bytes, evidence: bytes) -> Receipt:
        """Verify and store a token; the same token again gets the same receipt. Raises JournalUnavailable.

        `device_chain`: DER, LDevID first, as the reader proved to hold in the session.
        """
        cti = _NO_CTI
        try:
            cti, nonce = unverified_index(token)
            with self._accepting:
                self._accept(tuple(device_chain), token, evidence, cti, nonce)
        except TokenRefused as refused:
            device = _named_device(device_chain)
            self._log.warning("token_refused", device=device, cti=cti.hex(), reason=refused.refusal.value)
            return Receipt(cti, False, refused.refusal.value)
        return Receipt(cti, True, None)

    def reception_called(self, device_id: str) -> None:
        """A patient asks for somebody."""
        self._log.warning("reception_called", device=device_id)

    def _standing(self, der: bytes) -> Standing:
        try:
            certificate = patient_certificate(der, self._trust.cards)
        except TokenRefused:
            return Standing(False, CertificateStatus.UNKNOWN, QualificationValidity.NONE)
        key = hashlib.sha256(der).digest()
        by_date = status_by_date(certificate, self._now())
        if by_date is CertificateStatus.UNKNOWN:
            self._log.warning("clock_behind")
        status = graver(by_date, self._eligibility.revocation(key, certificate.serial_number))
        qualification = self._eligibility.qualification(key)
        return Standing(qualification.registered, status, qualification.validity)

    def _accept(self, chain: tuple[bytes, ...], token: bytes, evidence: bytes, cti: bytes, nonce: bytes) -> None:
        """Raises TokenRefused, JournalUnavailable."""
        began = time.perf_counter()
        if not chain:
            raise TokenRefused(Refusal.DEVICE_CERTIFICATE_MALFORMED)
        if self._journal.holds(token, chain[0]):
            self._log.info("token_repeated", cti=cti.hex())
            return
        issued = self._journal.find_nonce(nonce)
        if issued is None:
            raise TokenRefused(Refusal.NONCE_UNKNOWN)
        now = self._now()
        visit = verify_visit(chain, token, evidence, issued, self._trust, now)
        status = graver(visit.by_date, self._revocation(visit.lookup_key, visit.certificate_serial))
        if status is CertificateStatus.REVOKED:
            raise TokenRefused(Refusal.CERTIFICATE_REVOKED)
        claims = visit.claims
        stored = StoredToken(cti, claims.device_id, claims.counter, chain, nonce, token, status.value, received_at=now)
        # the reader's clock is the bridge's, carried on: it may not leave the time in which the visit took place
        visited_at = min(max(claims.issued_at, issued.issued_at), now)
        self._journal.store(stored, visited_at, self._seal.close(visit.lookup_key, cti))
        self._log.info(
            "token_stored",
            device=claims.device_id,
            cti=cti.hex(),
            method=claims.method.value,
            certificate=status.value,
            visited_at=visited_at,
            ms=round((time.perf_counter() - began) * 1000, 2),
        )
        self._stored()

    def _revocation(self, lookup_key: bytes, serial: int) -> CertificateStatus:
        """UNKNOWN where nobody can be asked: the visit is stored, and says so."""
        try:
            return self._eligibility.revocation(lookup_key, serial)
        except EligibilityUnavailable:
            return CertificateStatus.UNKNOWN

    def _now(self) -> int:
        return int(self._clock())


def _named_device(chain: Sequence[bytes]) -> str | None:
    try:
        return device_id_of(load_certificate(chain[0]))
    except (ValueError, IndexError):
        return None
