"""Whether to believe a visit: the reader's certificate, its token, and the card's evidence, in that order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.policy import Phase, certificate_phase
from firmware.token import evidence as card
from firmware.token.anchors import TrustAnchors
from firmware.token.certificate import load_certificate
from firmware.token.claims import Claims, DebugStatus, certificate_mac
from firmware.token.cose import verify_token
from firmware.token.refusal import Refusal, TokenRefused
from firmware.wire.messages import MAX_CERTIFICATE
from host_bridge.denylist import Denylist
from host_bridge.eligibility import CertificateStatus
from host_bridge.journal import IssuedNonce

NONCE_LIFE_S: Final = 24 * 3600
"""From handing out a nonce to receiving its token, by the bridge's own clock; consents hold no longer either."""

_STATUS_IN: Final = {
    Phase.RUNNING: CertificateStatus.GOOD,
    Phase.ENDING: CertificateStatus.ENDING,
    Phase.ENDED: CertificateStatus.ENDED,
    Phase.OVER: CertificateStatus.EXPIRED,
}


@dataclass(frozen=True)
class Trust:
    """What this bridge believes in."""

    bridge_id: bytes
    facility_ca: x509.Certificate
    """Issuer of the readers' local identities (LDevID)."""
    cards: TrustAnchors
    facility_key: bytes
    """Key of the certificate MAC in tokens."""
    demo: bool
    denylist: Denylist


@dataclass(frozen=True)
class VerifiedVisit:
    """A visit that holds."""

    claims: Claims
    lookup_key: bytes
    """SHA-256 of the patient's authentication certificate (DER): how eligibility finds the patient."""
    certificate_serial: int
    """Of that certificate, whose revocation has not been asked for."""
    by_date: CertificateStatus
    """Its `status_by_date` when the visit began."""


def verify_visit(
    device_chain: Sequence[bytes], token: bytes, evidence: bytes, nonce: IssuedNonce, trust: Trust, now: int
) -> VerifiedVisit:
    """Believe a visit at time `now` (seconds since 1970), or raise TokenRefused. `nonce` is the bridge's own record.
    Raises DenylistUnusable too: nothing is decided then.

    The patient's certificate is judged as of the beginning of the visit, when the nonce was issued: what the patient
    was told then still holds for a token that had to wait for its cable. Both are times of the bridge's own clock.
    """
    device_id = _reader(device_chain, trust, now)
    if nonce.device_id != device_id:
        raise TokenRefused(Refusal.NONCE_UNKNOWN)
    if nonce.used:
        raise TokenRefused(Refusal.NONCE_USED)
    if now > nonce.issued_at + NONCE_LIFE_S:
        raise TokenRefused(Refusal.NONCE_EXPIRED)
    claims = verify_token(token, trust.bridge_id, nonce.nonce, device_chain[0])
    if claims.device_id != device_id:
        raise TokenRefused(Refusal.DEVICE_MISMATCH)
    demo_device = claims.debug is DebugStatus.ENABLED
    if demo_device and not trust.demo:
        raise TokenRefused(Refusal.DEMO_DEVICE)
    if trust.demo and not demo_device:
        raise TokenRefused(Refusal.NOT_A_DEMO_DEVICE)
    certificate = _patient(claims, evidence, nonce, trust)
    by_date = status_by_date(certificate, nonce.issued_at)
    if by_date is CertificateStatus.EXPIRED:
        raise TokenRefused(Refusal.CERTIFICATE_EXPIRED)
    if by_date is CertificateStatus.ENDED and any(claims.consents.values()):
        raise TokenRefused(Refusal.CONSENT_NOT_ALLOWED)
    return VerifiedVisit(claims, certificate.fingerprint(SHA256()), certificate.serial_number, by_date)


def patient_certificate(der: bytes, anchors: TrustAnchors) -> x509.Certificate:
    """A patient's authentication certificate, if it is one that a reader can ask about (`MAX_CERTIFICATE`) and a
    trusted authority issued it. Dates and revocation are not checked. Raises TokenRefused."""
    if len(der) > MAX_CERTIFICATE:
        raise TokenRefused(Refusal.TOO_LARGE)
    return card.verify_authentication_certificate(der, anchors)


def status_by_date(certificate: x509.Certificate, at: int) -> CertificateStatus:
    """What the dates of a patient's certificate say at a time of the bridge's clock, in seconds since 1970.

    UNKNOWN before its first day: an authority issued it, so that day has come, and the clock is behind. What a clock
    says that is known to be wrong is no reason to send a patient away.
    """
    if at < certificate.not_valid_before_utc.timestamp():
        return CertificateStatus.UNKNOWN
    return _STATUS_IN[certificate_phase(int(certificate.not_valid_after_utc.timestamp()), at)]


def _reader(chain: Sequence[bytes], trust: Trust, now: int) -> str:
    """The device id in a local identity that the facility's CA issued to a reader and has not denied since."""
    try:
        certificate = load_certificate(chain[0])
    except (ValueError, IndexError) as error:
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_MALFORMED) from error
    try:
        certificate.verify_directly_issued_by(trust.facility_ca)
        names = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_UNTRUSTED) from error
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage or len(names) != 1:  # a terminal has the other role
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_UNTRUSTED)
    if not certificate.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= certificate.not_valid_after_utc:
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_EXPIRED)
    if trust.denylist.denies(certificate):
        raise TokenRefused(Refusal.DEVICE_REVOKED)
    return str(names[0].value)


def _patient(claims: Claims, message: bytes, nonce: IssuedNonce, trust: Trust) -> x509.Certificate:
    """The authentication certificate in evidence that bears out the claims."""
    if hashlib.sha256(message).digest() != claims.evidence:
        raise TokenRefused(Refusal.EVIDENCE_NOT_NAMED)
    evidence = card.decode(message)
    if card.method_of(evidence) is not claims.method:
        raise TokenRefused(Refusal.METHOD_MISMATCH)
    certificate = patient_certificate(evidence.certificate, trust.cards)
    if certificate_mac(trust.facility_key, evidence.certificate) != claims.certificate_mac:
        raise TokenRefused(Refusal.CERTIFICATE_MAC)
    bound = card.binding(trust.bridge_id, nonce.nonce, claims.cti, claims.consents, claims.method)
    if isinstance(evidence, card.PinEvidence):
        card.verify_pin_signature(certificate, bound, evidence.signature)
    else:
        card_key = card.verify_photo(
            evidence.issuer_certificate,
            evidence.group1,
            evidence.group2_hash,
            evidence.photo_hash,
            evidence.photo_signature,
            trust.cards,
        )
        card.verify_card_key(card_key, bound, evidence.card_signature)
    return certificate
