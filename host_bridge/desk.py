"""The reception desk of the bridge: what a reader at the other end of the cable may ask. Any thread may call it."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from structlog.typing import FilteringBoundLogger

from firmware.policy import FacilityKind
from firmware.token.certificate import load_certificate
from firmware.token.cose import unverified_index
from firmware.token.record import open_record
from firmware.token.refusal import Refusal, TokenRefused
from firmware.wire.messages import MAX_PRESCRIPTIONS
from host_bridge.certificates import device_id_of
from host_bridge.eligibility import (
    CertificateStatus,
    Eligibility,
    EligibilityUnavailable,
    Prescription,
    QualificationValidity,
    graver,
)
from host_bridge.journal import Journal, StoredToken
from host_bridge.keys import Seal
from host_bridge.passcode import Checked, PasscodeLock
from host_bridge.verify import Trust, patient_certificate, status_by_date, verify_visit

_NO_CTI: Final = bytes(16)


@dataclass(frozen=True)
class Standing:
    """What a reader learns of a patient before anything is shown or asked."""

    registered: bool
    validity: int
    """QualificationValidity (OQSCD006)."""
    consents: bool
    """Whether consents may be asked for."""
    prescriptions: bool
    """Whether there are prescriptions to choose from."""


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
    sealing_key: bytes
    """Public key that records are sealed to, X25519, 32 bytes."""
    facility_kind: FacilityKind
    demo: bool
    disaster: bool
    prescriptions: bool
    """Whether prescriptions can be chosen here."""
    staff_check: bool
    """Whether staff may confirm a patient by eye."""
    now: int
    """Seconds since 1970."""


class NoPasscode(Exception):
    """Staff confirm nobody by eye here."""


@dataclass(frozen=True)
class Site:
    """What a technician has said of this facility."""

    kind: FacilityKind
    prescriptions: bool
    """Whether it handles electronic prescriptions."""


class Desk:
    """Answers a reader. Nothing is said that is not on disk first."""

    def __init__(
        self,
        journal: Journal,
        seal: Seal,
        record_key: bytes,
        trust: Trust,
        site: Site,
        eligibility: Eligibility,
        log: FilteringBoundLogger,
        stored: Callable[[], None],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`record_key`: private, opens records. `stored` is called after each new token; `clock` gives seconds since
        1970."""
        self._journal = journal
        self._seal = seal
        self._record_key = record_key
        self._sealing_key = X25519PrivateKey.from_private_bytes(record_key).public_key().public_bytes_raw()
        self._trust = trust
        self._site = site
        self._eligibility = eligibility
        self._log = log
        self._stored = stored
        self._clock = clock
        self._accepting = threading.Lock()
        self._passcodes = PasscodeLock(monotonic)
        self._disaster = False
        self._staff_check = False

    def settings(self) -> Settings:
        """What the reader is told when a session begins, and when something in it changes. While the eligibility
        system cannot be asked, what it said last holds."""
        with suppress(EligibilityUnavailable):
            self._disaster = self._eligibility.disaster()
            self._staff_check = self._eligibility.passcode() is not None
        return Settings(
            bridge_id=self._trust.bridge_id,
            facility_key=self._trust.facility_key,
            sealing_key=self._sealing_key,
            facility_kind=self._site.kind,
            demo=self._trust.demo,
            disaster=self._disaster,
            prescriptions=self._site.prescriptions,
            staff_check=self._staff_check,
            now=self._now(),
        )

    def open_visit(self, device_id: str) -> bytes:
        """A nonce of 32 bytes that one token may answer. Raises JournalUnavailable."""
        nonce = self._journal.issue_nonce(device_id, self._now())
        self._log.info("nonce_issued", device=device_id)
        return nonce

    def identify(self, certificate: bytes) -> Standing:
        """What is known of the holder of an authentication certificate (DER). Raises EligibilityUnavailable."""
        standing = self._standing(certificate)
        self._log.info("patient_identified", registered=standing.registered, validity=standing.validity)
        return standing

    def certificate_status(self, certificate: bytes) -> CertificateStatus:
        """What is known of an authentication certificate (DER); UNKNOWN where nobody can be asked."""
        status = self._judge(certificate)
        self._log.info("certificate_judged", certificate=status.value)
        return status

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]:
        """What the patient may choose from, the newest MAX_PRESCRIPTIONS. Raises EligibilityUnavailable."""
        if not self._site.prescriptions:
            return ()
        found = self._eligibility.prescriptions(certificate_sha256)
        return sorted(found, key=lambda one: (one.day, one.id), reverse=True)[:MAX_PRESCRIPTIONS]

    def check_passcode(self, device_id: str, typed: str) -> Checked:
        """Whether staff stand at the reader. Raises NoPasscode, EligibilityUnavailable."""
        passcode = self._eligibility.passcode()
        if passcode is None:
            raise NoPasscode
        checked = self._passcodes.check(typed, passcode)
        verdict = checked.verdict.name.lower()
        self._log.info("passcode_checked", device=device_id, verdict=verdict, tries_left=checked.tries_left)
        return checked

    def accept(self, device_chain: Sequence[bytes], sealed: bytes) -> Receipt:
        """Open, verify and store a record; the same token again gets the same receipt.

        `device_chain`: DER, LDevID first, as the reader proved to hold in the session.
        Raises JournalUnavailable, DenylistUnusable: nothing is decided then.
        """
        cti = _NO_CTI
        try:
            token, evidence = open_record(self._record_key, self._trust.bridge_id, sealed)
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
            return Standing(False, QualificationValidity.NONE, consents=True, prescriptions=False)
        key = hashlib.sha256(der).digest()
        qualification = self._eligibility.qualification(key)
        ended = status_by_date(certificate, self._now()) in (CertificateStatus.ENDED, CertificateStatus.EXPIRED)
        return Standing(
            qualification.registered,
            qualification.validity,
            consents=not ended,
            prescriptions=not ended and len(self.prescriptions(key)) > 0,
        )

    def _judge(self, der: bytes) -> CertificateStatus:
        try:
            certificate = patient_certificate(der, self._trust.cards)
        except TokenRefused:
            return CertificateStatus.UNKNOWN
        by_date = status_by_date(certificate, self._now())
        if by_date is CertificateStatus.UNKNOWN:
            self._log.warning("clock_behind")
        return graver(by_date, self._revocation(hashlib.sha256(der).digest(), certificate.serial_number))

    def _accept(self, chain: tuple[bytes, ...], token: bytes, evidence: bytes, cti: bytes, nonce: bytes) -> None:
        """Raises TokenRefused, JournalUnavailable, DenylistUnusable."""
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
        last = self._journal.store(stored, visited_at, self._seal.close(visit.lookup_key, cti))
        if last is not None and claims.counter != last + 1:
            self._log.warning("counter_gap", device=claims.device_id, last=last, counter=claims.counter)
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
