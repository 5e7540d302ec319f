"""The card's own evidence of a visit, sent beside the token, which names it by hash.

PIN: the authentication key of 公的個人認証AP signed `binding`. Face: the photo and the card's key on the card's face
are signed by a certified issuer, and that card key signed `binding`. Nothing on the card ties the authentication
certificate to the photo: that both came from one card in one exclusive session is the reader's signed word.
The structures are those published by people who examined cards; the issuer's specification is not public.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from firmware.token import cbor, cv, tlv
from firmware.token.anchors import TrustAnchors
from firmware.token.certificate import load_certificate
from firmware.token.claims import Method
from firmware.token.refusal import Refusal, TokenRefused

EVIDENCE_CAP: Final = 8192
"""Largest evidence message in bytes."""

_BINDING_PROFILE: Final = b"urn:face-card-reader:card-evidence:1"
_DIGEST_INFO_SHA_256: Final = bytes.fromhex("3031300d060960864801650304020105000420")
_DIGEST_INFO_CARD_FACE: Final = bytes.fromhex("3071300d060960864801650304020105000460")
_TAG_CARD_KEY: Final = 0xDF24


@dataclass(frozen=True)
class PinEvidence:
    """What the card gives after its PIN."""

    certificate: bytes
    """Authentication certificate, DER."""
    signature: bytes
    """By the certificate's key, of `card_input(binding)`."""


@dataclass(frozen=True)
class FaceEvidence:
    """What the card gives after verification number B. No photo, no name, no address: only their hashes."""

    certificate: bytes
    """Authentication certificate, DER."""
    issuer_certificate: bytes
    """CV certificate of the signer of the card's face (EF 0004)."""
    group1: bytes
    """DF22, DF23 and DF24 as on the card, tags and lengths included: birth date, sex, card key."""
    group2_hash: bytes
    """SHA-256 over DF25 and DF26, the pictures of name and address."""
    photo_hash: bytes
    """SHA-256 over DF27, the photo."""
    photo_signature: bytes
    """DF28, the issuer's signature over the three hashes."""
    card_signature: bytes
    """By the card key over `digest_info(SHA-256(binding))`: the card's key answers challenges, not digests."""


Evidence = PinEvidence | FaceEvidence


def method_of(evidence: Evidence) -> Method:
    """How the patient was recognised, by the kind of evidence."""
    return Method.PIN if isinstance(evidence, PinEvidence) else Method.FACE


def encode(evidence: Evidence) -> bytes:
    """The evidence message: deterministic CBOR [method, fields in order]. Raises ValueError beyond EVIDENCE_CAP."""
    encoded = cbor.encode([method_of(evidence), *astuple(evidence)])
    if len(encoded) > EVIDENCE_CAP:
        raise ValueError(f"evidence of {len(encoded)} bytes")
    return encoded


def decode(encoded: bytes) -> Evidence:
    """Read an evidence message. Raises TokenRefused."""
    match cbor.decode(encoded, EVIDENCE_CAP):
        case [Method.PIN, bytes(certificate), bytes(signature)]:
            return PinEvidence(certificate, signature)
        case [
            Method.FACE,
            bytes(certificate),
            bytes(issuer),
            bytes(group1),
            bytes(group2_hash),
            bytes(photo_hash),
            bytes(photo_signature),
            bytes(card_signature),
        ]:
            return FaceEvidence(certificate, issuer, group1, group2_hash, photo_hash, photo_signature, card_signature)
        case _:
            raise TokenRefused(Refusal.MALFORMED)


def binding(bridge_id: bytes, nonce: bytes, cti: bytes, consents: Mapping[int, bool], method: Method) -> bytes:
    """What the card vouches for, 32 bytes: SHA-256 of H(profile) | H(bridge id) | H(nonce) | H(method, cti, consents).

    Hashed piece by piece under a name of its own, so that no bridge can have the card sign a message it chose.
    """
    answers = cbor.encode([method, cti, dict(consents)])
    pieces = (_BINDING_PROFILE, bridge_id, nonce, answers)
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def digest_info(sha256: bytes) -> bytes:
    """DigestInfo of a SHA-256 digest (RFC 8017 section 9.2), as the card's 80 2A command takes it."""
    return _DIGEST_INFO_SHA_256 + sha256


def card_input(certificate: bytes, bound: bytes) -> bytes:
    """What the key of an authentication certificate (DER) is asked to sign for `binding`.

    RSA: the DigestInfo whose SHA-256 digest `binding` is. ECDSA on P-384, announced for the next generation of cards:
    SHA-384 of `binding`; what its chip will expect is not published. Raises TokenRefused for any other key.
    """
    try:
        key = load_certificate(certificate).public_key()
    except UnsupportedAlgorithm as error:
        raise TokenRefused(Refusal.KEY_UNSUPPORTED) from error
    except ValueError as error:
        raise TokenRefused(Refusal.CERTIFICATE_MALFORMED) from error
    if isinstance(key, rsa.RSAPublicKey):
        return digest_info(bound)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        return hashlib.sha384(bound).digest()
    raise TokenRefused(Refusal.KEY_UNSUPPORTED)


def verify_authentication_certificate(der: bytes, anchors: TrustAnchors) -> x509.Certificate:
    """A patient's authentication certificate, if a trusted authority issued it. Dates and revocation are not checked.

    Raises TokenRefused.
    """
    try:
        certificate = load_certificate(der)
    except ValueError as error:
        raise TokenRefused(Refusal.CERTIFICATE_MALFORMED) from error
    if not any(_issued(anchor, certificate) for anchor in anchors.jpki) or _is_ca(certificate):
        raise TokenRefused(Refusal.CERTIFICATE_UNTRUSTED)
    return certificate


def verify_pin_signature(certificate: x509.Certificate, bound: bytes, signature: bytes) -> None:
    """Check that the key of an authentication certificate signed `card_input`. Raises TokenRefused.

    RSA: PKCS #1 v1.5. P-384: r, then s, 48 bytes each.
    """
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TokenRefused(Refusal.KEY_UNSUPPORTED) from error
    if isinstance(key, rsa.RSAPublicKey):
        signed = _signed(key, bound, signature)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP384R1):
        signed = _signed_p384(key, bound, signature)
    else:
        raise TokenRefused(Refusal.KEY_UNSUPPORTED)
    if not signed:
        raise TokenRefused(Refusal.PIN_SIGNATURE)


def verify_photo(
    issuer_certificate: bytes,
    group1: bytes,
    group2_hash: bytes,
    photo_hash: bytes,
    photo_signature: bytes,
    anchors: TrustAnchors,
) -> rsa.RSAPublicKey:
    """Check that a certified issuer signed this photo for this card, and return the card's own key.

    The signature is PKCS #1 v1.5 over a DigestInfo whose digest is three SHA-256 values, which no stock verifier
    takes: it is opened with the public key and compared. Raises TokenRefused.
    """
    issuer = _verify_issuer(issuer_certificate, anchors)
    hashes = (hashlib.sha256(group1).digest(), group2_hash, photo_hash)
    numbers = issuer.public_numbers()
    size = (issuer.key_size + 7) // 8
    opened = pow(int.from_bytes(photo_signature, "big"), numbers.e, numbers.n).to_bytes(size, "big")
    head = b"\x00\x01" + b"\xff" * (size - 3 - len(_DIGEST_INFO_CARD_FACE) - 96) + b"\x00" + _DIGEST_INFO_CARD_FACE
    if len(photo_signature) != size or not opened.startswith(head):
        raise TokenRefused(Refusal.PHOTO_SIGNATURE)
    signed = tuple(opened[len(head) + start : len(head) + start + 32] for start in (0, 32, 64))
    if signed != hashes:
        raise TokenRefused(_what_changed([one == other for one, other in zip(signed, hashes, strict=True)]))
    try:
        return cv.public_key(tlv.by_tag(group1)[_TAG_CARD_KEY].value)
    except (ValueError, KeyError) as error:
        raise TokenRefused(Refusal.KEY_UNSUPPORTED) from error


def verify_card_key(card_key: rsa.RSAPublicKey, bound: bytes, signature: bytes) -> None:
    """Check that the key on the card's face signed `binding`: a copy of the data cannot. Raises TokenRefused."""
    if not _signed(card_key, hashlib.sha256(bound).digest(), signature):
        raise TokenRefused(Refusal.CARD_CLONED)


def _verify_issuer(encoded: bytes, anchors: TrustAnchors) -> rsa.RSAPublicKey:
    try:
        certificate = cv.CvCertificate.parse(encoded)
    except ValueError as error:
        raise TokenRefused(Refusal.ISSUER_MALFORMED) from error
    known = [anchor for anchor in anchors.cv if anchor.issuer == certificate.issuer]
    if not known:
        raise TokenRefused(Refusal.ISSUER_UNKNOWN)
    if not any(certificate.signed_by(anchor.key()) for anchor in known):
        raise TokenRefused(Refusal.ISSUER_FORGED)
    return certificate.key


def _what_changed(same: list[bool]) -> Refusal:
    """The reason, from which of the three signed hashes are still those of this card."""
    match same:
        case [True, True, False]:
            return Refusal.PHOTO_CHANGED
        case [True, False, True]:
            return Refusal.CARD_FACE_CHANGED
        case [False, True, True]:
            return Refusal.HOLDER_CHANGED
        case _:
            return Refusal.PHOTO_SIGNATURE_SWAPPED


def _signed(key: rsa.RSAPublicKey, digest: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return False
    return True


def _signed_p384(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    size = SHA384.digest_size
    if len(signature) != 2 * size:
        return False
    r, s = (int.from_bytes(signature[start : start + size], "big") for start in (0, size))
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA384()))
    except InvalidSignature:
        return False
    return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
