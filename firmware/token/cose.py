"""The visit token: a COSE_Sign1 (RFC 9052 section 4.2) of one narrow profile over a claim set.

ES256 only; the protected header names the signer's certificate by hash (x5t, RFC 9360); the unprotected header is
empty. Bridge and nonce are signed as external data and never taken from the token itself.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from firmware.token import cbor
from firmware.token.certificate import load_certificate
from firmware.token.claims import SHA_256, Claims, decode_claims, echoed, encode_claims
from firmware.token.refusal import Refusal, TokenRefused

TOKEN_CAP: Final = 760
"""Largest token in bytes."""

_TAG_COSE_SIGN1: Final = b"\xd2"
_ALG: Final = 1
_CRIT: Final = 2
_X5T: Final = 34
_ES256: Final = -7
_ECDSA: Final = ec.ECDSA(SHA256())
_PROTECTED: Final = cbor.encode({_ALG: _ES256, _X5T: [SHA_256, bytes(32)]})[:-32]
"""The one protected header there is, but for the certificate's hash at its end."""


def sign_token(
    claims: Claims, bridge_id: bytes, nonce: bytes, sign: Callable[[bytes], bytes], certificate_der: bytes
) -> bytes:
    """The token for one visit, at most TOKEN_CAP bytes.

    `sign` makes an ES256 signature of 64 bytes, r then s; `certificate_der` is its LDevID. Raises ValueError if the
    claims break the profile.
    """
    protected = _protected(certificate_der)
    payload = encode_claims(claims, bridge_id, nonce)
    signature = sign(_to_be_signed(protected, bridge_id, nonce, payload))
    token = _TAG_COSE_SIGN1 + cbor.encode([protected, {}, payload, signature])
    if len(token) > TOKEN_CAP:
        raise ValueError(f"token of {len(token)} bytes")
    return token


def verify_token(token: bytes, bridge_id: bytes, nonce: bytes, certificate_der: bytes) -> Claims:
    """The claims of a token that this certificate's key signed for this bridge and nonce. Raises TokenRefused."""
    protected, payload, signature = _parts(token)
    if protected != _protected(certificate_der):
        raise TokenRefused(_why_another_header(protected))
    key = _key(certificate_der)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        signed = _to_be_signed(protected, bridge_id, nonce, payload)
        key.verify(encode_dss_signature(r, s), signed, _ECDSA)
    except InvalidSignature as error:
        raise TokenRefused(Refusal.SIGNATURE) from error
    return decode_claims(payload, bridge_id, nonce)


def unverified_index(token: bytes) -> tuple[bytes, bytes]:
    """cti and nonce that a token claims to have: for finding one's own record of them, nothing more.

    Raises TokenRefused.
    """
    return echoed(_parts(token)[1])


def _protected(certificate_der: bytes) -> bytes:
    return _PROTECTED + hashlib.sha256(certificate_der).digest()


@lru_cache(maxsize=16)
def _key(certificate_der: bytes) -> ec.EllipticCurvePublicKey:
    """Remembered, because a reader signs many tokens. Raises TokenRefused."""
    try:
        key = load_certificate(certificate_der).public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_MALFORMED) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TokenRefused(Refusal.DEVICE_CERTIFICATE_MALFORMED)
    return key


def _to_be_signed(protected: bytes, bridge_id: bytes, nonce: bytes, payload: bytes) -> bytes:
    """Sig_structure (RFC 9052 section 4.4)."""
    external_aad = cbor.encode([bridge_id, nonce])
    return cbor.encode(["Signature1", protected, external_aad, payload])


def _parts(token: bytes) -> tuple[bytes, bytes, bytes]:
    """Protected header, payload and signature."""
    if len(token) > TOKEN_CAP:
        raise TokenRefused(Refusal.TOO_LARGE)
    if not token.startswith(_TAG_COSE_SIGN1):
        raise TokenRefused(Refusal.NOT_COSE_SIGN1)
    match cbor.decode(token[1:], TOKEN_CAP):
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)] if len(signature) == 64:
            if unprotected:
                raise TokenRefused(Refusal.UNPROTECTED_HEADER)
            return protected, payload, signature
        case _:
            raise TokenRefused(Refusal.NOT_COSE_SIGN1)


def _why_another_header(protected: bytes) -> Refusal:
    """The reason why a protected header is not the expected one. Raises TokenRefused where it is not even a header."""
    header = cbor.decode(protected, TOKEN_CAP)
    if not isinstance(header, dict):
        return Refusal.MALFORMED
    if _CRIT in header:
        return Refusal.CRITICAL_HEADER
    if header.keys() - {_ALG, _X5T}:
        return Refusal.UNKNOWN_HEADER
    if header.get(_ALG) != _ES256:
        return Refusal.ALGORITHM
    return Refusal.DEVICE_CERTIFICATE_NOT_NAMED
