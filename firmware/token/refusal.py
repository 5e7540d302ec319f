"""Why a token or the card's evidence is not believed."""

from enum import StrEnum


class Refusal(StrEnum):
    """One value per reason; the text travels in the receipt and in event logs."""

    # the sealed record: RFC 9180
    RECORD_UNREADABLE = "record_unreadable"
    # encoding: RFC 8949, RFC 9052
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_DETERMINISTIC = "not_deterministic"
    DUPLICATE_KEY = "duplicate_key"
    INDEFINITE_LENGTH = "indefinite_length"
    TRAILING_BYTES = "trailing_bytes"
    NOT_COSE_SIGN1 = "not_cose_sign1"
    ALGORITHM = "algorithm"
    CRITICAL_HEADER = "critical_header"
    UNKNOWN_HEADER = "unknown_header"
    UNPROTECTED_HEADER = "unprotected_header"
    # the reader that signed
    DEVICE_CERTIFICATE_MALFORMED = "device_certificate_malformed"
    DEVICE_CERTIFICATE_NOT_NAMED = "device_certificate_not_named"
    DEVICE_CERTIFICATE_UNTRUSTED = "device_certificate_untrusted"
    DEVICE_CERTIFICATE_EXPIRED = "device_certificate_expired"
    DEVICE_REVOKED = "device_revoked"
    """The reader's certificate is on the denylist."""
    DEVICE_MISMATCH = "device_mismatch"
    SIGNATURE = "signature"
    # claims: RFC 8392, RFC 9711
    CLAIM_MISSING = "claim_missing"
    CLAIM_UNKNOWN = "claim_unknown"
    CLAIM_MALFORMED = "claim_malformed"
    PROFILE_UNKNOWN = "profile_unknown"
    AUDIENCE = "audience"
    NONCE_MISMATCH = "nonce_mismatch"
    DEMO_DEVICE = "demo_device"
    NOT_A_DEMO_DEVICE = "not_a_demo_device"
    # what the bridge remembers
    NONCE_UNKNOWN = "nonce_unknown"
    NONCE_USED = "nonce_used"
    NONCE_EXPIRED = "nonce_expired"
    CTI_REUSED = "cti_reused"
    COUNTER_REUSED = "counter_reused"
    # the card's evidence
    EVIDENCE_NOT_NAMED = "evidence_not_named"
    METHOD_MISMATCH = "method_mismatch"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_MAC = "certificate_mac"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CONSENT_NOT_ALLOWED = "consent_not_allowed"
    """Given with a certificate that has ended: it serves to confirm the insurance alone."""
    KEY_UNSUPPORTED = "key_unsupported"
    PIN_SIGNATURE = "pin_signature"
    ISSUER_MALFORMED = "issuer_malformed"
    ISSUER_UNKNOWN = "issuer_unknown"
    ISSUER_FORGED = "issuer_forged"
    PHOTO_CHANGED = "photo_changed"
    CARD_FACE_CHANGED = "card_face_changed"
    HOLDER_CHANGED = "holder_changed"
    PHOTO_SIGNATURE_SWAPPED = "photo_signature_swapped"
    PHOTO_SIGNATURE = "photo_signature"
    CARD_CLONED = "card_cloned"


class TokenRefused(Exception):
    """The token, or the evidence it names, is not believed. Carries the reason and nothing of its content."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal
