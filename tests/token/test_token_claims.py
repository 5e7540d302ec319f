"""Claims at the limits of the profile, and the values that others must be able to compute."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from visit_samples import BRIDGE_ID, FACILITY_KEY, NONCE, World, claims_of

from firmware.token import cbor
from firmware.token.claims import Claims, certificate_mac, decode_claims, encode_claims, ueid
from firmware.token.cose import TOKEN_CAP, sign_token, verify_token
from firmware.token.refusal import Refusal, TokenRefused


@pytest.fixture
def claims(world: World) -> Claims:
    return claims_of(world, b"evidence")


def refusal_of(claims: Claims, change: Callable[[dict[int, Any]], None]) -> Refusal:
    """What a claim set is refused for once it was changed."""
    fields = cbor2.loads(encode_claims(claims, BRIDGE_ID, NONCE))
    change(fields)
    with pytest.raises(TokenRefused) as refused:
        decode_claims(cbor.encode(fields), BRIDGE_ID, NONCE)
    return refused.value.refusal


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("device_id", ["D", "D" * 64]),
        ("hwmodel", [b"h", b"h" * 32]),
        ("oemid", [b"oui", b"o" * 16]),
        ("issued_at", [0, 2**63 - 1]),
        ("counter", [0, 2**63 - 1]),
        ("consents", [{}, {1: True, 65535: False}, dict.fromkeys(range(1, 17), True)]),
    ],
)
def test_values_at_the_limits_are_taken(claims: Claims, field: str, values: list[Any]) -> None:
    for value in values:
        changed = replace(claims, **{field: value})
        assert decode_claims(encode_claims(changed, BRIDGE_ID, NONCE), BRIDGE_ID, NONCE) == changed


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("device_id", ["", "D" * 65]),
        ("hwmodel", [b"", b"h" * 33, "h", None]),
        ("oemid", [b"", b"o" * 2, b"o" * 4, b"o" * 15, b"o" * 17]),
        ("issued_at", [-1, 2**63, 1.5, "1"]),
        ("counter", [-1, 2**63, True]),
        ("oemboot", [0, None]),
        ("consents", [{0: True}, {65536: True}, {"1": True}, {1: 1}, dict.fromkeys(range(1, 18), True)]),
        ("cti", [bytes(15), bytes(17)]),
        ("firmware", [bytes(31), bytes(33)]),
        ("face_model", [bytes(31), bytes(33)]),
        ("evidence", [bytes(31)]),
        ("certificate_mac", [bytes(31)]),
        ("previous", [bytes(31)]),
    ],
)
def test_values_beyond_the_limits_are_not_signed(claims: Claims, field: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ValueError, match="claims break the profile: claim_malformed"):
            encode_claims(replace(claims, **{field: value}), BRIDGE_ID, NONCE)


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        (265, "u" * 64, Refusal.PROFILE_UNKNOWN),
        (265, "u" * 65, Refusal.CLAIM_MALFORMED),
        (3, "0" * 64, Refusal.AUDIENCE),
        (3, "0" * 65, Refusal.CLAIM_MALFORMED),
        (1, b"TEST-0001", Refusal.CLAIM_MALFORMED),
        (262, 0, Refusal.CLAIM_MALFORMED),
        (-65538, [], Refusal.CLAIM_MALFORMED),
        (-65538, {"1": True}, Refusal.CLAIM_MALFORMED),
        (-65539, "2026-09-21T", Refusal.CLAIM_MALFORMED),
    ],
)
def test_a_claim_of_another_form_is_refused(claims: Claims, key: int, value: Any, refusal: Refusal) -> None:
    assert refusal_of(claims, lambda fields: fields.update({key: value})) is refusal


def test_a_measurement_by_another_algorithm_or_with_more_in_it_is_refused(claims: Claims) -> None:
    good = {-65545: [-16, bytes(32)]}
    for bad in ({-65545: [-43, bytes(32)]}, {-65545: [-16, bytes(32), 0]}, {**good, 1: 0}, {-65545: [-16, bytes(31)]}):
        for submodules in ({"firmware": bad, "face-model": good}, {"firmware": good, "face-model": bad}):
            assert refusal_of(claims, lambda fields, s=submodules: fields.update({266: s})) is Refusal.CLAIM_MALFORMED
    more = {"firmware": good, "face-model": good, "other": good}
    assert refusal_of(claims, lambda fields: fields.update({266: more})) is Refusal.CLAIM_MALFORMED


def test_claims_that_are_no_map_are_refused() -> None:
    with pytest.raises(TokenRefused) as refused:
        decode_claims(cbor.encode([1, 2]), BRIDGE_ID, NONCE)
    assert refused.value.refusal is Refusal.CLAIM_MALFORMED
    assert str(refused.value) == "claim_malformed"


def test_claims_beyond_their_cap_are_neither_made_nor_read(claims: Claims) -> None:
    largest = encode_claims(replace(claims, device_id=wide_id(54)), BRIDGE_ID, NONCE)
    assert len(largest) == 700
    assert decode_claims(largest, BRIDGE_ID, NONCE).device_id == wide_id(54)
    with pytest.raises(ValueError, match="claims of 701 bytes"):
        encode_claims(replace(claims, device_id=wide_id(53, 2)), BRIDGE_ID, NONCE)
    with pytest.raises(TokenRefused) as refused:
        decode_claims(bytes(701), BRIDGE_ID, NONCE)
    assert refused.value.refusal is Refusal.TOO_LARGE


def test_the_largest_token_is_taken_and_one_byte_more_is_not_signed(world: World, claims: Claims) -> None:
    def sign(device_id: str) -> bytes:
        many = dict.fromkeys(range(300, 316), True)
        large = replace(claims, device_id=device_id, consents=many, hwmodel=b"h" * 32)
        return sign_token(large, BRIDGE_ID, NONCE, world.reader.sign, world.reader.certificate)

    largest = sign(wide_id(8, 2))
    assert len(largest) == TOKEN_CAP
    assert verify_token(largest, BRIDGE_ID, NONCE, world.reader.certificate).device_id == wide_id(8, 2)
    with pytest.raises(ValueError, match="token of 761 bytes"):
        sign(wide_id(9, 1))


def wide_id(of_four: int, of_three: int = 0) -> str:
    """64 characters, so many of them of 4 bytes in UTF-8 and of 3 bytes."""
    return "\N{CJK UNIFIED IDEOGRAPH-20000}" * of_four + "見" * of_three + "D" * (64 - of_four - of_three)


def test_what_a_facility_computes_of_a_certificate_is_a_keyed_hash_of_its_serial_number(world: World) -> None:
    serial = format(world.card.x509.serial_number, "x").encode()
    mac = hmac.new(FACILITY_KEY, b"certificate serial|" + serial, hashlib.sha256).digest()
    assert certificate_mac(FACILITY_KEY, world.card.certificate) == mac


def test_a_readers_universal_id_is_a_hash_of_its_name() -> None:
    assert ueid("TEST-0001").hex() == "0125829922d7f4d60a6df70962270fc0c9"
    assert ueid("TEST-0001")[1:] == hashlib.sha256(b"ueid|TEST-0001").digest()[:16]
