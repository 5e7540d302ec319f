"""What a reader keeps of a visit, and sends, until the terminal has it: token and evidence, sealed to the bridge.

HPKE in base mode (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. The sealed record is the
encapsulated key, 32 bytes, then the ciphertext with its tag. Nobody but the bridge opens it, the reader included.
The plain text is the token, then the evidence, each after its length in 2 bytes, big-endian.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from firmware.token.evidence import EVIDENCE_CAP
from firmware.token.refusal import Refusal, TokenRefused

RECORD_CAP: Final = 9400
"""Largest sealed record in bytes."""

_TOKEN_CAP: Final = 1024
_LENGTH_SIZE: Final = 2
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
_PROFILE: Final = b"urn:face-card-reader:record:1"


def new_sealing_key() -> tuple[bytes, bytes]:
    """A bridge's X25519 key, private and public (RFC 7748), 32 bytes each."""
    key = X25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def seal(sealing_key: bytes, bridge_id: bytes, token: bytes, evidence: bytes) -> bytes:
    """The sealed record, at most RECORD_CAP bytes. `sealing_key`: the bridge's public key.

    Raises ValueError for a key that is none, a token of more than 1,024 bytes, or evidence beyond EVIDENCE_CAP.
    """
    plain = _field(token, _TOKEN_CAP) + _field(evidence, EVIDENCE_CAP)
    return _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(sealing_key), _info(bridge_id))


def open_record(private_key: bytes, bridge_id: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """Token and evidence of a record that was sealed to this bridge. Raises TokenRefused.

    TOO_LARGE; RECORD_UNREADABLE for anything else, be it changed, or sealed to another key or bridge.
    """
    if len(sealed) > RECORD_CAP:
        raise TokenRefused(Refusal.TOO_LARGE)
    try:
        plain = _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), _info(bridge_id))
    except InvalidTag as error:
        raise TokenRefused(Refusal.RECORD_UNREADABLE) from error
    token, rest = _take(plain, _TOKEN_CAP)
    evidence, rest = _take(rest, EVIDENCE_CAP)
    if rest:
        raise TokenRefused(Refusal.RECORD_UNREADABLE)
    return token, evidence


def _info(bridge_id: bytes) -> bytes:
    return _PROFILE + b"\0" + bridge_id


def _field(data: bytes, cap: int) -> bytes:
    if len(data) > cap:
        raise ValueError(f"record with a field of {len(data)} bytes, at most {cap} fit")
    return len(data).to_bytes(_LENGTH_SIZE, "big") + data


def _take(data: bytes, cap: int) -> tuple[bytes, bytes]:
    """The first field, and what follows it."""
    end = _LENGTH_SIZE + int.from_bytes(data[:_LENGTH_SIZE], "big")
    if end > min(len(data), _LENGTH_SIZE + cap):
        raise TokenRefused(Refusal.RECORD_UNREADABLE)
    return data[_LENGTH_SIZE:end], data[end:]
