"""Vectors of the card's evidence, of tokens, and of the sealed record: good ones, and each way to be refused."""

import hashlib
from collections.abc import Callable
from datetime import date
from difflib import SequenceMatcher
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from vector_identities import BRIDGE, DEVICE, Identity, card_verifiable, certificate, elliptic, rsa_key, tlv
from vector_lines import es256

from firmware.token import cbor, record
from firmware.token import evidence as card
from firmware.token.claims import FIRST, AttackDetection, Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token
from firmware.token.evidence import FaceEvidence, PinEvidence
from firmware.token.refusal import Refusal

BRIDGE_ID = bytes.fromhex(BRIDGE)
NONCE = bytes(range(100, 132))
CTI = bytes(range(50, 66))
CONSENTS = {1: True, 2: False, 3: True}
Json = dict[str, Any]


def evidence(parties: dict[str, Identity]) -> Json:
    """One of each method. A refused one is a good one with some of its fields, counted from 0, exchanged."""
    pin, face = _evidence(parties, Method.PIN), _evidence(parties, Method.FACE)
    authority = parties["card_face_authority"]
    return {
        "bridge_id": BRIDGE,
        "nonce": NONCE.hex(),
        "cti": CTI.hex(),
        "consents": {str(number): given for number, given in CONSENTS.items()},
        "anchors": {
            "certificate": parties["card_authority"]["certificate"],
            "issuer": authority["issuer"],
            "modulus": authority["modulus"],
            "exponent": authority["exponent"],
        },
        "good": [
            {"method": method, "binding": _binding(method).hex(), "evidence": encoded.hex()}
            for method, encoded in ((Method.PIN, pin), (Method.FACE, face))
        ],
        "refused": [
            {"method": method, "exchanged": {str(at): value.hex() for at, value in fields.items()}, "refusal": why}
            for method, fields, why in _refused_evidence(parties, _fields(pin), _fields(face))
        ],
    }


def _fields(encoded: bytes) -> list[bytes]:
    fields = cbor.decode(encoded, card.EVIDENCE_CAP)
    assert isinstance(fields, list)
    return fields  # type: ignore[return-value]


def _binding(method: Method) -> bytes:
    return card.binding(BRIDGE_ID, NONCE, CTI, CONSENTS, method)


def _evidence(parties: dict[str, Identity], method: Method) -> bytes:
    bound = _binding(method)
    patient = certificate(parties["card_authentication"])
    if method is Method.PIN:
        key = rsa_key(parties["card_authentication"])
        return card.encode(PinEvidence(patient, key.sign(bound, padding.PKCS1v15(), Prehashed(SHA256()))))
    card_key = rsa_key(parties["card_face"])
    group1 = tlv(0xDF22, b"19800217") + tlv(0xDF23, b"2") + tlv(0xDF24, card_verifiable(card_key.public_key()))
    group2, photo = (hashlib.sha256(one).digest() for one in (b"name and address", b"photo"))
    hashes = hashlib.sha256(group1).digest() + group2 + photo
    signed = _pkcs1(
        rsa_key(parties["card_face_signer"]), bytes.fromhex("3071300d060960864801650304020105000460") + hashes
    )
    answer = card_key.sign(bound, padding.PKCS1v15(), SHA256())
    signer = bytes.fromhex(parties["card_face_signer"]["cv_certificate"])
    return card.encode(FaceEvidence(patient, signer, group1, group2, photo, signed, answer))


def _pkcs1(key: rsa.RSAPrivateKey, digest_info: bytes) -> bytes:
    """Type 1 padding (RFC 8017 section 9.2) around any DigestInfo, then the private operation."""
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest_info)) + b"\x00" + digest_info
    numbers = key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def _refused_evidence(
    parties: dict[str, Identity], pin: list[bytes], face: list[bytes]
) -> list[tuple[Method, dict[int, bytes], Refusal]]:
    other = hashlib.sha256(b"another").digest()
    foreign = certificate(parties["reader"])
    signer = face[2]
    key = rsa_key(parties["card_authentication"])
    for_another_bridge = card.binding(bytes(16), NONCE, CTI, CONSENTS, Method.PIN)
    return [
        (Method.PIN, {1: b"no certificate"}, Refusal.CERTIFICATE_MALFORMED),
        (Method.PIN, {1: foreign}, Refusal.CERTIFICATE_UNTRUSTED),
        (Method.PIN, {2: pin[2][:-1] + bytes([pin[2][-1] ^ 1])}, Refusal.PIN_SIGNATURE),
        (
            Method.PIN,
            {2: key.sign(for_another_bridge, padding.PKCS1v15(), Prehashed(SHA256()))},
            Refusal.PIN_SIGNATURE,
        ),
        (Method.FACE, {2: b"no certificate"}, Refusal.ISSUER_MALFORMED),
        (Method.FACE, {2: signer.replace(b"VECTOR CV CA 001", b"ANOTHER CA 00001")}, Refusal.ISSUER_UNKNOWN),
        (Method.FACE, {2: signer[:-1] + bytes([signer[-1] ^ 1])}, Refusal.ISSUER_FORGED),
        (Method.FACE, {3: face[3].replace(b"19800217", b"20010217")}, Refusal.HOLDER_CHANGED),
        (Method.FACE, {4: other}, Refusal.CARD_FACE_CHANGED),
        (Method.FACE, {5: other}, Refusal.PHOTO_CHANGED),
        (Method.FACE, {4: other, 5: other}, Refusal.PHOTO_SIGNATURE_SWAPPED),
        (Method.FACE, {6: bytes(256)}, Refusal.PHOTO_SIGNATURE),
        (Method.FACE, {7: bytes(256)}, Refusal.CARD_CLONED),
    ]


def claims(parties: dict[str, Identity]) -> Claims:
    """What the good token says."""
    facility_key = bytes.fromhex(parties["host"]["facility_key"])
    return Claims(
        device_id=DEVICE,
        cti=CTI,
        issued_at=1_796_000_060,
        oemid=b"vector maker  16",
        hwmodel=b"vector reader",
        oemboot=True,
        debug=DebugStatus.ENABLED,
        firmware=hashlib.sha256(b"firmware").digest(),
        face_model=hashlib.sha256(b"models").digest(),
        method=Method.PIN,
        consents=CONSENTS,
        policy_date=date(2026, 11, 30),
        evidence=hashlib.sha256(_evidence(parties, Method.PIN)).digest(),
        certificate_mac=certificate_mac(facility_key, certificate(parties["card_authentication"])),
        counter=1,
        previous=FIRST,
        pad=AttackDetection.NONE,
    )


def tokens(parties: dict[str, Identity]) -> Json:
    """A good token, taken to pieces, and each way in which one alone can be refused."""
    said = claims(parties)
    reader = parties["reader"]
    key, der = elliptic(reader), certificate(reader)
    token = sign_token(said, BRIDGE_ID, NONCE, lambda message: es256(key, message), der)
    protected, _, payload, signature = _parts(token)
    return {
        "bridge_id": BRIDGE,
        "nonce": NONCE.hex(),
        "certificate": der.hex(),
        "facility_key": parties["host"]["facility_key"],
        "good": {
            "token": token.hex(),
            "protected": protected.hex(),
            "payload": payload.hex(),
            "external_aad": cbor.encode([BRIDGE_ID, NONCE]).hex(),
            "to_be_signed": _to_be_signed(protected, payload).hex(),
            "signature": signature.hex(),
            "cti": CTI.hex(),
            "claims": {str(number): _plain(value) for number, value in _map(payload).items()},
        },
        "refused": [
            {"refusal": why, "why": what, "edits": _edits(token, made)}
            for why, what, made in _refused(token, lambda header, body: _signed(key, header, body), parties)
        ],
    }


def _edits(token: bytes, made: bytes) -> list[list[int | str]]:
    """How the good token becomes this one: [where, bytes taken out, bytes put in instead], the last first."""
    edits: list[list[int | str]] = []
    at = made_at = 0
    for block in SequenceMatcher(None, token, made, autojunk=False).get_matching_blocks():
        if block.size >= 8 or block.size == 0:
            if token[at : block.a] != made[made_at : block.b]:
                edits.insert(0, [at, block.a - at, made[made_at : block.b].hex()])
            at, made_at = block.a + block.size, block.b + block.size
    return edits


def _map(encoded: bytes) -> dict[Any, Any]:
    found = cbor.decode(encoded, 760)
    assert isinstance(found, dict)
    return found


def _plain(value: Any) -> Any:
    """For JSON: bytes become hex, keys text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {str(key): _plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def _parts(token: bytes) -> list[Any]:
    found = cbor.decode(token[1:], 760)
    assert isinstance(found, list)
    return found


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, cbor.encode([BRIDGE_ID, NONCE]), payload])


def _signed(key: Any, protected: bytes, payload: bytes) -> bytes:
    return b"\xd2" + cbor.encode([protected, {}, payload, es256(key, _to_be_signed(protected, payload))])


def _refused(
    token: bytes, sign: Callable[[bytes, bytes], bytes], parties: dict[str, Identity]
) -> list[tuple[Refusal, str, bytes]]:
    protected, _, payload, signature = _parts(token)

    def header(changed: Json) -> bytes:
        return sign(cbor.encode(_map(protected) | changed), payload)

    def said(changed: Json, without: int = 0) -> bytes:
        kept = {number: value for number, value in (_map(payload) | changed).items() if number != without}
        return sign(protected, cbor.encode(kept))

    other = hashlib.sha256(certificate(parties["renewed_reader"])).digest()
    return [
        (Refusal.TOO_LARGE, "761 bytes", token + bytes(761 - len(token))),
        (Refusal.NOT_COSE_SIGN1, "no tag", token[1:]),
        (Refusal.NOT_COSE_SIGN1, "three elements", b"\xd2" + cbor.encode([protected, {}, payload])),
        (Refusal.MALFORMED, "cut short", token[:-1]),
        (Refusal.TRAILING_BYTES, "a byte behind it", token + b"\0"),
        (Refusal.INDEFINITE_LENGTH, "outer array", token[:1] + b"\x9f" + token[2:] + b"\xff"),
        (Refusal.NOT_DETERMINISTIC, "length of the outer array in two bytes", token[:1] + b"\x98\x04" + token[2:]),
        (
            Refusal.DUPLICATE_KEY,
            "a claim twice",
            sign(protected, bytes([payload[0] + 1]) + payload[1:14] + payload[1:]),
        ),
        (Refusal.UNPROTECTED_HEADER, "a key id", b"\xd2" + cbor.encode([protected, {4: b"kid"}, payload, signature])),
        (Refusal.ALGORITHM, "ES384", header({1: -35})),
        (Refusal.CRITICAL_HEADER, "critical header 99", header({2: [99], 99: 1})),
        (Refusal.UNKNOWN_HEADER, "a key id, protected", header({4: b"kid"})),
        (Refusal.DEVICE_CERTIFICATE_NOT_NAMED, "hash of another certificate", header({34: [-16, other]})),
        (Refusal.SIGNATURE, "another claim under the same signature", token.replace(b"\x63pin", b"\x63pan")),
        (Refusal.SIGNATURE, "zeros", token[:-64] + bytes(64)),
        (Refusal.CLAIM_MISSING, "no counter", said({}, without=-65542)),
        (Refusal.CLAIM_UNKNOWN, "a subject", said({2: "subject"})),
        (Refusal.CLAIM_MALFORMED, "a ueid of another reader", said({256: b"\1" + bytes(16)})),
        (Refusal.CLAIM_MALFORMED, "a day that is none", said({-65539: "2026-02-30"})),
        (Refusal.PROFILE_UNKNOWN, "another profile", said({265: "urn:face-card-reader:visit:2"})),
        (Refusal.AUDIENCE, "another bridge", said({3: "00" * 16})),
        (Refusal.NONCE_MISMATCH, "another nonce", said({10: bytes(32)})),
    ]


def records(parties: dict[str, Identity]) -> Json:
    """The good token with its evidence, sealed. A refused one has one byte exchanged."""
    token = bytes.fromhex(tokens(parties)["good"]["token"])
    host = parties["host"]
    sealed = record.seal(bytes.fromhex(host["sealing_key"]), BRIDGE_ID, token, _evidence(parties, Method.PIN))
    return {
        "bridge_id": BRIDGE,
        "private_key": host["sealing_private_key"],
        "public_key": host["sealing_key"],
        "info": (b"urn:face-card-reader:record:1\0" + BRIDGE_ID).hex(),
        "sealed": sealed.hex(),
        "refused": [
            {"refusal": Refusal.RECORD_UNREADABLE, "edits": [[at, 1, f"{sealed[at] ^ 1:02x}"]]}
            for at in (0, 40, len(sealed) - 1)
        ],
    }
