"""The sealed record: opened by the bridge it was sealed to, and by nobody else."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.token.evidence import EVIDENCE_CAP
from firmware.token.record import RECORD_CAP, new_sealing_key, open_record, seal
from firmware.token.refusal import Refusal, TokenRefused

BRIDGE_ID = bytes(range(16))
PRIVATE = bytes(range(32))
PUBLIC = bytes.fromhex("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
TOKEN_CAP = 1024
OVERHEAD = 32 + 16
"""Encapsulated key and tag."""
INFO = b"urn:face-card-reader:record:1\0" + BRIDGE_ID


def refusal_of(sealed: bytes, private_key: bytes = PRIVATE, bridge_id: bytes = BRIDGE_ID) -> Refusal:
    with pytest.raises(TokenRefused) as refused:
        open_record(private_key, bridge_id, sealed)
    return refused.value.refusal


def sealed_as_it_is(plain: bytes) -> bytes:
    """A record of any plain text."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    return suite.encrypt(plain, X25519PublicKey.from_public_bytes(PUBLIC), INFO)


@settings(max_examples=30)
@given(st.binary(max_size=TOKEN_CAP), st.binary(max_size=EVIDENCE_CAP))
def test_what_is_sealed_opens_to_the_same(token: bytes, evidence: bytes) -> None:
    private, public = new_sealing_key()
    sealed = seal(public, BRIDGE_ID, token, evidence)
    assert open_record(private, BRIDGE_ID, sealed) == (token, evidence)
    assert len(sealed) == OVERHEAD + 2 + len(token) + 2 + len(evidence)


def test_the_largest_record_fits_and_a_larger_one_is_not_sealed() -> None:
    token, evidence = bytes(TOKEN_CAP), bytes(EVIDENCE_CAP)
    sealed = seal(PUBLIC, BRIDGE_ID, token, evidence)
    assert len(sealed) <= RECORD_CAP
    assert open_record(PRIVATE, BRIDGE_ID, sealed) == (token, evidence)
    with pytest.raises(ValueError, match="1025 bytes, at most 1024"):
        seal(PUBLIC, BRIDGE_ID, token + b"\0", evidence)
    with pytest.raises(ValueError, match="8193 bytes, at most 8192"):
        seal(PUBLIC, BRIDGE_ID, token, evidence + b"\0")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(32)])
def test_a_sealing_key_that_is_none_seals_nothing(key: bytes) -> None:
    with pytest.raises(ValueError):
        seal(key, BRIDGE_ID, b"token", b"evidence")


def test_a_key_is_the_one_of_its_public_half_and_new_each_time() -> None:
    assert X25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw() == PUBLIC
    keys = [new_sealing_key() for _ in range(2)]
    assert keys[0] != keys[1]
    for private, public in keys:
        assert X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw() == public


def test_the_same_visit_is_sealed_differently_each_time() -> None:
    assert seal(PUBLIC, BRIDGE_ID, b"token", b"evidence") != seal(PUBLIC, BRIDGE_ID, b"token", b"evidence")


def test_nothing_of_the_plain_text_shows() -> None:
    sealed = seal(PUBLIC, BRIDGE_ID, b"token of a visit", b"evidence of a card")
    assert b"token" not in sealed and b"evidence" not in sealed


def test_another_key_and_another_bridge_open_nothing() -> None:
    sealed = seal(PUBLIC, BRIDGE_ID, b"token", b"evidence")
    assert refusal_of(sealed, private_key=new_sealing_key()[0]) is Refusal.RECORD_UNREADABLE
    assert refusal_of(sealed, bridge_id=bytes(16)) is Refusal.RECORD_UNREADABLE
    assert refusal_of(sealed, bridge_id=BRIDGE_ID + b"\0") is Refusal.RECORD_UNREADABLE


def test_a_byte_changed_anywhere_is_refused() -> None:
    sealed = seal(PUBLIC, BRIDGE_ID, b"token", b"evidence")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << (place % 8)
        assert refusal_of(bytes(changed)) is Refusal.RECORD_UNREADABLE, place


def test_a_record_cut_short_or_with_more_behind_it_is_refused() -> None:
    sealed = seal(PUBLIC, BRIDGE_ID, b"token", b"evidence")
    for size in range(len(sealed)):
        assert refusal_of(sealed[:size]) is Refusal.RECORD_UNREADABLE, size
    assert refusal_of(sealed + b"\0") is Refusal.RECORD_UNREADABLE


def test_a_record_beyond_the_cap_is_refused_unopened() -> None:
    assert refusal_of(bytes(RECORD_CAP + 1)) is Refusal.TOO_LARGE
    assert refusal_of(bytes(RECORD_CAP)) is Refusal.RECORD_UNREADABLE
    assert refusal_of(sealed_as_it_is(bytes(RECORD_CAP))) is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\0",
        b"\0\0",  # no evidence
        b"\0\0\0",
        b"\0\0\0\1",  # evidence cut short
        b"\0\2t",  # token cut short
        b"\0\0\0\0\0",  # a byte behind
        (TOKEN_CAP + 1).to_bytes(2, "big") + bytes(TOKEN_CAP + 1) + b"\0\0",
        b"\0\0" + (EVIDENCE_CAP + 1).to_bytes(2, "big") + bytes(EVIDENCE_CAP + 1),
    ],
)
def test_a_sealed_text_of_another_form_is_refused(plain: bytes) -> None:
    assert refusal_of(sealed_as_it_is(plain)) is Refusal.RECORD_UNREADABLE


VECTOR = bytes.fromhex(
    "de2e2e0c0b30a01b1f0afa7ca2985ec11c0cbde7802cd26c08a5d3a16c64074f83a47a1cd7318ede4ba31c359a7b83a0"
    "0feb0c846b6aa50d617a7c0c19c5a2a726"
)


def test_a_record_sealed_once_opens_for_ever() -> None:
    assert open_record(PRIVATE, BRIDGE_ID, VECTOR) == (b"token", b"evidence")


def test_a_record_opens_by_the_book() -> None:
    """RFC 9180, step by step, so that any other implementation would open it too."""
    assert by_the_book(seal(PUBLIC, BRIDGE_ID, b"token", b"evidence")) == b"\0\5token\0\10evidence"
    assert by_the_book(VECTOR) == b"\0\5token\0\10evidence"


def by_the_book(sealed: bytes) -> bytes:
    """Sections 4.1 (DHKEM(X25519, HKDF-SHA256), 0x0020) and 5.1 (KDF 0x0001, AEAD 0x0001), base mode."""

    def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(suite: bytes, secret: bytes, label: bytes, info: bytes, size: int) -> bytes:
        labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return hmac.new(secret, labelled + b"\1", hashlib.sha256).digest()[:size]

    kem, hpke = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x01"
    enc, ciphertext = sealed[:32], sealed[32:]
    exchanged = X25519PrivateKey.from_private_bytes(PRIVATE).exchange(X25519PublicKey.from_public_bytes(enc))
    shared = expand(kem, extract(kem, b"", b"eae_prk", exchanged), b"shared_secret", enc + PUBLIC, 32)
    context = b"\0" + extract(hpke, b"", b"psk_id_hash", b"") + extract(hpke, b"", b"info_hash", INFO)
    secret = extract(hpke, shared, b"secret", b"")
    key, nonce = expand(hpke, secret, b"key", context, 16), expand(hpke, secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")
