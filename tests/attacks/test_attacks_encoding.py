"""Tokens written otherwise than RFC 9052 and this profile have it, each signed by the paired reader itself."""

import hashlib
import hmac
import os
from collections.abc import Callable

import cbor2
import pytest
from attack_rig import Delivery, Scene, cose
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from firmware.token import cbor
from firmware.token.refusal import Refusal
from host_bridge.identity import create_bridge

ALG, CRIT, KID, X5T = 1, 2, 4, 34
ES256, ES384, HS256 = -7, -35, 5
AUD = 3

Parts = tuple[dict[int, object], dict[int, object], dict[int, object]]
"""Protected header, unprotected header, claims."""


def written(scene: Scene, visit: Delivery, parts: Parts, aad: bytes | None = None) -> Delivery:
    """The visit's token with other parts, and a right signature over them."""
    protected, unprotected, claims = (cbor2.dumps(part, canonical=True) for part in parts)
    aad = aad or cbor.encode([scene.identity.bridge_id, visit.nonce])
    token = cose(protected, cbor2.loads(unprotected), claims, scene.reader.sign, aad)
    return Delivery(token, visit.evidence, visit.cti, visit.nonce)


def parts_of(visit: Delivery) -> Parts:
    protected, unprotected, payload, _ = cbor2.loads(visit.token[1:])
    return cbor2.loads(protected), unprotected, cbor2.loads(payload)


def test_the_rig_writes_what_the_reader_writes(scene: Scene) -> None:
    visit = scene.visit()
    assert scene.deliver(written(scene, visit, parts_of(visit))) is None


HEADERS: dict[str, tuple[Refusal, Callable[[Parts], object]]] = {
    "algorithm none": (Refusal.ALGORITHM, lambda parts: parts[0].update({ALG: 0})),
    "no algorithm": (Refusal.ALGORITHM, lambda parts: parts[0].pop(ALG)),
    "algorithm HS256": (Refusal.ALGORITHM, lambda parts: parts[0].update({ALG: HS256})),
    "algorithm ES384": (Refusal.ALGORITHM, lambda parts: parts[0].update({ALG: ES384})),
    "algorithm by name": (Refusal.ALGORITHM, lambda parts: parts[0].update({ALG: "ES256"})),
    "algorithm unprotected": (Refusal.UNPROTECTED_HEADER, lambda parts: parts[1].update({ALG: parts[0].pop(ALG)})),
    "algorithm in both": (Refusal.UNPROTECTED_HEADER, lambda parts: parts[1].update({ALG: HS256})),
    "x5t unprotected": (Refusal.UNPROTECTED_HEADER, lambda parts: parts[1].update({X5T: parts[0].pop(X5T)})),
    "no x5t": (Refusal.DEVICE_CERTIFICATE_NOT_NAMED, lambda parts: parts[0].pop(X5T)),
    "x5t of another": (Refusal.DEVICE_CERTIFICATE_NOT_NAMED, lambda parts: parts[0].update({X5T: [-16, bytes(32)]})),
    "x5t by SHA-1": (
        Refusal.DEVICE_CERTIFICATE_NOT_NAMED,
        lambda parts: parts[0].update({X5T: [-14, parts[0][X5T][1][:20]]}),
    ),
    "critical header": (Refusal.CRITICAL_HEADER, lambda parts: parts[0].update({CRIT: [-70000], -70000: 1})),
    "unknown header": (Refusal.UNKNOWN_HEADER, lambda parts: parts[0].update({KID: b"key"})),
    "another audience": (Refusal.AUDIENCE, lambda parts: parts[2].update({AUD: "00" * 16})),
    "another profile": (Refusal.PROFILE_UNKNOWN, lambda parts: parts[2].update({265: "urn:face-card-reader:visit:2"})),
    "a claim left out": (Refusal.CLAIM_MISSING, lambda parts: parts[2].pop(-65542)),
    "a claim more": (Refusal.CLAIM_UNKNOWN, lambda parts: parts[2].update({2: "somebody"})),
    "a number that is text": (Refusal.CLAIM_MALFORMED, lambda parts: parts[2].update({-65542: "1"})),
    "a number below zero": (Refusal.CLAIM_MALFORMED, lambda parts: parts[2].update({-65542: -1})),
    "a liveness that nothing tested": (Refusal.CLAIM_MALFORMED, lambda parts: parts[2].update({-65544: "active"})),
    "ueid of another": (Refusal.CLAIM_MALFORMED, lambda parts: parts[2].update({256: b"\1" + bytes(16)})),
}


@pytest.mark.parametrize("what", HEADERS)
def test_refused_though_signed_by_the_paired_reader(scene: Scene, what: str) -> None:
    reason, change = HEADERS[what]
    visit = scene.visit()
    parts = parts_of(visit)
    change(parts)
    assert scene.deliver(written(scene, visit, parts)) == reason
    assert scene.stored() == set()
    assert scene.deliver(visit) is None


BYTES: dict[str, tuple[Refusal, Callable[[bytes], bytes]]] = {
    "trailing bytes": (Refusal.TRAILING_BYTES, lambda token: token + b"\0"),
    "cut short": (Refusal.MALFORMED, lambda token: token[:-1]),
    "cut in its claims": (Refusal.MALFORMED, lambda token: token[:200]),
    "nothing": (Refusal.NOT_COSE_SIGN1, lambda token: b""),
    "too large": (Refusal.TOO_LARGE, lambda token: token.ljust(761, b"\0")),
    "no tag": (Refusal.NOT_COSE_SIGN1, lambda token: token[1:]),
    "tag of a COSE_Mac0": (Refusal.NOT_COSE_SIGN1, lambda token: b"\xd1" + token[1:]),
    "two tags": (Refusal.MALFORMED, lambda token: b"\xd2" + token),
    "an array without end": (Refusal.INDEFINITE_LENGTH, lambda token: b"\xd2\x9f" + token[2:] + b"\xff"),
    "a length in too many bytes": (Refusal.NOT_DETERMINISTIC, lambda token: b"\xd2\x98\x04" + token[2:]),
    "a fifth part": (Refusal.NOT_COSE_SIGN1, lambda token: b"\xd2\x85" + token[2:] + b"\0"),
    "signature left out": (Refusal.NOT_COSE_SIGN1, lambda token: b"\xd2\x83" + token[2:-66]),
    "one bit of the signature": (Refusal.SIGNATURE, lambda token: token[:-1] + bytes([token[-1] ^ 1])),
    "a signature of zeros": (Refusal.SIGNATURE, lambda token: token[:-64] + bytes(64)),
    "unprotected: a key twice": (
        Refusal.DUPLICATE_KEY,
        lambda token: token.replace(b"\xa0\x59", b"\xa2\x04\x41a\x04\x41b\x59", 1),
    ),
}


@pytest.mark.parametrize("what", BYTES)
def test_refused_for_its_bytes(scene: Scene, what: str) -> None:
    reason, change = BYTES[what]
    visit = scene.visit()
    assert scene.deliver(Delivery(change(visit.token), visit.evidence, visit.cti, visit.nonce)) == reason
    assert scene.stored() == set()
    assert scene.deliver(visit) is None


def test_claims_with_a_key_twice_are_refused(scene: Scene) -> None:
    """Two counters: a lenient reader of CBOR would take the last, another one the first."""
    visit = scene.visit()
    protected, _, payload, _ = cbor2.loads(visit.token[1:])
    twice = bytes([payload[0] + 1]) + payload[1:] + cbor2.dumps(-65542) + b"\1"
    aad = cbor.encode([scene.identity.bridge_id, visit.nonce])
    token = cose(protected, {}, twice, scene.reader.sign, aad)
    assert scene.deliver(Delivery(token, visit.evidence, visit.cti, visit.nonce)) == Refusal.DUPLICATE_KEY
    assert scene.deliver(visit) is None


def test_external_data_of_another_bridge_or_nonce_is_refused(scene: Scene) -> None:
    """The token itself says all that is right; only what is signed beside it does not."""
    visit = scene.visit()
    elsewhere = create_bridge(scene.folder / "elsewhere").bridge_id
    for aad in ([elsewhere, visit.nonce], [scene.identity.bridge_id, os.urandom(32)]):
        assert scene.deliver(written(scene, visit, parts_of(visit), cbor.encode(aad))) == Refusal.SIGNATURE
    assert scene.deliver(visit) is None


def test_a_payload_with_the_signature_of_another_token_is_refused(scene: Scene) -> None:
    one, two = scene.visit(), scene.visit()
    first, second = cbor2.loads(one.token[1:]), cbor2.loads(two.token[1:])
    spliced = b"\xd2" + cbor2.dumps([*first[:3], second[3]])
    assert scene.deliver(Delivery(spliced, one.evidence, one.cti, one.nonce)) == Refusal.SIGNATURE
    assert [scene.deliver(one), scene.deliver(two)] == [None, None]


def test_a_signature_with_another_curve_is_refused(scene: Scene) -> None:
    """ES384 by a key of the attacker's own, its first 64 bytes."""
    visit = scene.visit()
    parts = parts_of(visit)
    key = ec.generate_private_key(ec.SECP384R1())
    protected, claims = (cbor2.dumps(part, canonical=True) for part in (parts[0], parts[2]))
    aad = cbor.encode([scene.identity.bridge_id, visit.nonce])
    token = cose(protected, {}, claims, lambda message: key.sign(message, ec.ECDSA(SHA384()))[-64:], aad)
    assert scene.deliver(Delivery(token, visit.evidence, visit.cti, visit.nonce)) == Refusal.SIGNATURE
    assert scene.deliver(visit) is None


def test_a_mac_under_the_public_certificate_is_no_signature(scene: Scene) -> None:
    """HS256 keyed with what everybody may know."""
    visit = scene.visit()
    parts = parts_of(visit)
    parts[0][ALG] = HS256
    protected, claims = (cbor2.dumps(part, canonical=True) for part in (parts[0], parts[2]))
    aad = cbor.encode([scene.identity.bridge_id, visit.nonce])

    def mac(message: bytes) -> bytes:
        return hmac.digest(scene.reader.chain[0], message, hashlib.sha256) * 2

    token = cose(protected, {}, claims, mac, aad)
    assert scene.deliver(Delivery(token, visit.evidence, visit.cti, visit.nonce)) == Refusal.ALGORITHM
    assert scene.deliver(visit) is None
