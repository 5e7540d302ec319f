import hashlib
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from visit_samples import BRIDGE_ID, NONCE, Reader, World, claims_of, issue

from firmware.token import cbor
from firmware.token.claims import Claims
from firmware.token.cose import TOKEN_CAP, sign_token, unverified_index, verify_token
from firmware.token.refusal import Refusal, TokenRefused


@pytest.fixture
def claims(world: World) -> Claims:
    return claims_of(world, b"evidence")


@pytest.fixture
def token(world: World, claims: Claims) -> bytes:
    return sign_token(claims, BRIDGE_ID, NONCE, world.reader.sign, world.reader.certificate)


def refusal_of(
    token: bytes, reader: Reader, *, bridge_id: bytes = BRIDGE_ID, nonce: bytes = NONCE, certificate: bytes = b""
) -> Refusal:
    with pytest.raises(TokenRefused) as refused:
        verify_token(token, bridge_id, nonce, certificate or reader.certificate)
    return refused.value.refusal


def forge(reader: Reader, change: Callable[[dict[int, Any], dict[int, Any]], None], token: bytes) -> bytes:
    """The token with another protected header or other claims, signed by the reader itself."""
    protected, _, payload, _ = cbor2.loads(token).value
    header, claims = cbor2.loads(protected), cbor2.loads(payload)
    change(header, claims)
    protected, payload = cbor.encode(header), cbor.encode(claims)
    signed = cbor.encode(["Signature1", protected, cbor.encode([BRIDGE_ID, NONCE]), payload])
    return b"\xd2" + cbor.encode([protected, {}, payload, reader.sign(signed)])


def test_a_signed_token_verifies_to_the_same_claims(world: World, claims: Claims, token: bytes) -> None:
    assert verify_token(token, BRIDGE_ID, NONCE, world.reader.certificate) == claims
    assert unverified_index(token) == (claims.cti, NONCE)
    assert len(token) <= TOKEN_CAP


def test_the_largest_token_fits(world: World, claims: Claims) -> None:
    largest = Claims(
        **{
            **vars(claims),
            "device_id": "D" * 40,
            "hwmodel": b"h" * 32,
            "consents": dict.fromkeys(range(1, 9), True),
            "counter": 2**63 - 1,
        }
    )
    token = sign_token(largest, BRIDGE_ID, NONCE, world.reader.sign, world.reader.certificate)
    assert verify_token(token, BRIDGE_ID, NONCE, world.reader.certificate) == largest


def test_claims_that_break_the_profile_are_not_signed(world: World, claims: Claims) -> None:
    with pytest.raises(ValueError, match="claim_malformed"):
        sign_token(
            Claims(**{**vars(claims), "cti": b"short"}), BRIDGE_ID, NONCE, world.reader.sign, world.reader.certificate
        )


def test_every_flipped_bit_is_refused(world: World, token: bytes) -> None:
    for place in range(len(token)):
        changed = bytearray(token)
        changed[place] ^= 1 << (place % 8)
        refusal_of(bytes(changed), world.reader)


@given(st.binary(max_size=TOKEN_CAP))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(TokenRefused):
        unverified_index(data)


def test_another_nonce_another_bridge_and_another_key_do_not_verify(world: World, token: bytes) -> None:
    assert refusal_of(token, world.reader, nonce=bytes(32)) is Refusal.SIGNATURE
    assert refusal_of(token, world.reader, bridge_id=bytes(16)) is Refusal.SIGNATURE
    other = Reader(world.facility)
    assert refusal_of(token, other) is Refusal.DEVICE_CERTIFICATE_NOT_NAMED
    renamed = forge(world.reader, lambda header, _: header.update({34: [-16, thumbprint(other)]}), token)
    assert refusal_of(renamed, other) is Refusal.SIGNATURE


def thumbprint(reader: Reader) -> bytes:
    return hashlib.sha256(reader.certificate).digest()


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ({1: -35}, Refusal.ALGORITHM),
        ({2: [99], 99: 1}, Refusal.CRITICAL_HEADER),
        ({4: b"kid"}, Refusal.UNKNOWN_HEADER),
        ({34: [-43, bytes(48)]}, Refusal.DEVICE_CERTIFICATE_NOT_NAMED),
    ],
)
def test_another_protected_header_is_refused(
    world: World, token: bytes, header: dict[int, Any], refusal: Refusal
) -> None:
    forged = forge(world.reader, lambda protected, _: protected.update(header), token)
    assert refusal_of(forged, world.reader) is refusal


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({265: "urn:other"}, Refusal.PROFILE_UNKNOWN),
        ({3: "00" * 16}, Refusal.AUDIENCE),
        ({10: bytes(32)}, Refusal.NONCE_MISMATCH),
        ({2: "subject"}, Refusal.CLAIM_UNKNOWN),
        ({7: bytes(15)}, Refusal.CLAIM_MALFORMED),
        ({256: bytes(17)}, Refusal.CLAIM_MALFORMED),
        ({263: 5}, Refusal.CLAIM_MALFORMED),
        ({266: {}}, Refusal.CLAIM_MALFORMED),
        ({6: -1}, Refusal.CLAIM_MALFORMED),
        ({6: True}, Refusal.CLAIM_MALFORMED),
        ({-65537: "staff"}, Refusal.CLAIM_MALFORMED),
        ({-65538: {1: 1}}, Refusal.CLAIM_MALFORMED),
        ({-65538: dict.fromkeys(range(1, 18), True)}, Refusal.CLAIM_MALFORMED),
        ({-65539: "2026-02-30"}, Refusal.CLAIM_MALFORMED),
        ({-65539: "20260921"}, Refusal.CLAIM_MALFORMED),
        ({-65544: "some"}, Refusal.CLAIM_MALFORMED),
    ],
)
def test_claims_outside_the_profile_are_refused_though_signed(
    world: World, token: bytes, changed: dict[int, Any], refusal: Refusal
) -> None:
    forged = forge(world.reader, lambda _, claims: claims.update(changed), token)
    assert refusal_of(forged, world.reader) is refusal


def test_a_missing_claim_is_refused(world: World, token: bytes) -> None:
    for key in (1, 7, 256, -65542):

        def without(_: dict[int, Any], claims: dict[int, Any], key: int = key) -> None:
            del claims[key]

        assert refusal_of(forge(world.reader, without, token), world.reader) is Refusal.CLAIM_MISSING


def test_another_frame_is_refused(world: World, token: bytes) -> None:
    protected, _, payload, signature = cbor2.loads(token).value
    named = b"\xd2" + cbor.encode([protected, {4: b"kid"}, payload, signature])
    assert refusal_of(named, world.reader) is Refusal.UNPROTECTED_HEADER
    assert refusal_of(token[1:], world.reader) is Refusal.NOT_COSE_SIGN1
    assert refusal_of(b"\xd2" + cbor.encode([protected, {}, payload]), world.reader) is Refusal.NOT_COSE_SIGN1
    longer = b"\xd2" + cbor.encode([protected, {}, payload, signature[:32] + b"\0" + signature[32:]])
    assert refusal_of(longer, world.reader) is Refusal.NOT_COSE_SIGN1
    zeros = b"\xd2" + cbor.encode([protected, {}, payload, bytes(64)])
    assert refusal_of(zeros, world.reader) is Refusal.SIGNATURE
    assert refusal_of(token + bytes(TOKEN_CAP), world.reader) is Refusal.TOO_LARGE


FIRST_ENTRY = {"protected header": b"\x01\x26", "payload": b"\x01\x69TEST-0001"}
"""Of the two maps: algorithm, and issuer."""


def respelled(place: str, encoded: bytes, fault: Refusal) -> bytes:
    """A map in another encoding."""
    match fault:
        case Refusal.DUPLICATE_KEY:
            return bytes((encoded[0] + 1,)) + FIRST_ENTRY[place] + encoded[1:]
        case Refusal.INDEFINITE_LENGTH:
            return b"\xbf" + encoded[1:] + b"\xff"
        case Refusal.TRAILING_BYTES:
            return encoded + b"\0"
        case Refusal.NOT_DETERMINISTIC:
            return bytes((0xB8, encoded[0] & 0x1F)) + encoded[1:]
        case _:
            return encoded.replace(FIRST_ENTRY[place], FIRST_ENTRY[place][:1] + b"\xf6", 1)


@pytest.mark.parametrize(
    "fault",
    [
        Refusal.DUPLICATE_KEY,
        Refusal.INDEFINITE_LENGTH,
        Refusal.TRAILING_BYTES,
        Refusal.NOT_DETERMINISTIC,
        Refusal.MALFORMED,
    ],
)
@pytest.mark.parametrize("place", FIRST_ENTRY)
def test_another_encoding_of_a_map_is_refused_though_signed(
    world: World, token: bytes, place: str, fault: Refusal
) -> None:
    protected, _, payload, _ = cbor2.loads(token).value
    if place == "payload":
        payload = respelled(place, payload, fault)
    else:
        protected = respelled(place, protected, fault)
    signed = cbor.encode(["Signature1", protected, cbor.encode([BRIDGE_ID, NONCE]), payload])
    forged = b"\xd2" + cbor.encode([protected, {}, payload, world.reader.sign(signed)])
    assert refusal_of(forged, world.reader) is fault


def test_another_encoding_of_the_outer_array_is_refused(world: World, token: bytes) -> None:
    empty = token.index(b"\xa0", 1 + 1 + 2 + 41)  # the unprotected header
    assert token[1] == 0x84 and empty == 45
    for forged, refusal in (
        (token + b"\0", Refusal.TRAILING_BYTES),
        (token[:1] + b"\x9f" + token[2:] + b"\xff", Refusal.INDEFINITE_LENGTH),
        (token[:1] + b"\x98\x04" + token[2:], Refusal.NOT_DETERMINISTIC),
        (token[:empty] + b"\xbf\xff" + token[empty + 1 :], Refusal.INDEFINITE_LENGTH),
        (token[:empty] + b"\xa2\x01\x00\x01\x00" + token[empty + 1 :], Refusal.DUPLICATE_KEY),
        (token[:empty] + b"\xf6" + token[empty + 1 :], Refusal.MALFORMED),
        (token[:-1], Refusal.MALFORMED),
        (b"\xd2\xd2" + token[1:], Refusal.MALFORMED),
    ):
        assert refusal_of(forged, world.reader) is refusal


def test_a_certificate_of_another_kind_is_refused(world: World, claims: Claims) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = world.facility.name
    certificate = issue(name, key.public_key(), name, world.facility.key).public_bytes(Encoding.DER)
    for der in (certificate, b"no certificate"):
        token = sign_token(claims, BRIDGE_ID, NONCE, world.reader.sign, der)
        assert refusal_of(token, world.reader, certificate=der) is Refusal.DEVICE_CERTIFICATE_MALFORMED


def test_a_token_names_neither_the_card_nor_its_holder(world: World, token: bytes) -> None:
    serial = world.card.x509.serial_number
    for secret in (serial.to_bytes(20, "big").lstrip(b"\0"), str(serial).encode(), world.card.group1[:12]):
        assert secret not in token
