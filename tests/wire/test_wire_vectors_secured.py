"""What the vectors hold of TLS, signatures, tokens and sealed records."""

import hashlib
from pathlib import Path
from typing import Any

import make_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from test_wire_vectors import load, replay
from tls_records import opened, secrets_of, suite_of
from vector_identities import certificate

from firmware.token import cbor, evidence
from firmware.token.anchors import CvAnchor, TrustAnchors
from firmware.token.claims import Method
from firmware.token.cose import verify_token
from firmware.token.evidence import FaceEvidence, PinEvidence
from firmware.token.record import open_record
from firmware.token.refusal import TokenRefused
from firmware.wire import enrolment
from firmware.wire.messages import Messages

PARTIES = load("identities.json")
NAMES = [file.name for file in sorted(Path(make_vectors.FOLDER).glob("*.json"))]


def unhex(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


def edited(whole: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    for at, out, put in edits:
        whole = whole[:at] + bytes.fromhex(put) + whole[at + out :]
    return whole


def test_vectors_that_hang_on_no_chance_come_out_the_same_when_made_anew() -> None:
    for name, content in make_vectors.steady(PARTIES).items():
        assert make_vectors.as_json(content) == (make_vectors.FOLDER / name).read_text(), name


def test_the_vectors_are_all_here_and_stay_small() -> None:
    others = {"identities.json", "record.json", "session.json"}
    assert set(NAMES) == set(make_vectors.steady(PARTIES)) | others
    assert sum(len((make_vectors.FOLDER / name).read_bytes()) for name in NAMES) < 150_000


def test_the_records_of_the_session_open_with_its_secrets_to_its_messages() -> None:
    vector = load("session.json")
    ends = replay(vector)
    secrets = secrets_of(vector["secrets"])
    suite = suite_of(ends["reader"].sent)
    for end, role in (("host", "CLIENT"), ("reader", "SERVER")):
        handshake_secret = secrets[f"{role}_HANDSHAKE_TRAFFIC_SECRET"]
        handshake, said = opened(ends[end].sent, suite, handshake_secret, secrets[f"{role}_TRAFFIC_SECRET_0"])
        assert certificate(PARTIES[end]) in handshake
        expected = [
            (one["kind"], one["request"], unhex(one, "body")) for one in vector["messages"] if one["from"] == end
        ]
        assert Messages().feed(said) == expected


def test_the_proof_in_the_pairing_is_signed_by_the_makers_key() -> None:
    vector = load("pairing.json")
    of_reader = Messages(enrolment.CAPS).feed(replay(vector)["reader"].sent)
    idevid = x509.load_der_x509_certificate(enrolment.unpack_identity(of_reader[0][2])[0][0])
    signature = enrolment.unpack_signature(of_reader[1][2])
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key = idevid.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(encode_dss_signature(r, s), enrolment.signed(unhex(vector, "transcript")), ec.ECDSA(SHA256()))


def test_the_good_token_verifies_and_is_made_of_the_parts_that_stand_beside_it() -> None:
    vector = load("tokens.json")
    good = vector["good"]
    token, bridge_id, nonce = unhex(good, "token"), unhex(vector, "bridge_id"), unhex(vector, "nonce")
    claims = verify_token(token, bridge_id, nonce, unhex(vector, "certificate"))
    assert claims.cti == unhex(good, "cti")
    protected, payload, signature = (unhex(good, part) for part in ("protected", "payload", "signature"))
    assert token == b"\xd2" + cbor.encode([protected, {}, payload, signature])
    external = unhex(good, "external_aad")
    assert unhex(good, "to_be_signed") == cbor.encode(["Signature1", protected, external, payload])
    assert claims.evidence == hashlib.sha256(unhex(load("evidence.json")["good"][0], "evidence")).digest()


@pytest.mark.parametrize("refused", load("tokens.json")["refused"], ids=lambda one: f"{one['refusal']}: {one['why']}")
def test_a_token_that_the_vectors_call_refused_is_refused_for_that_reason(refused: dict[str, Any]) -> None:
    vector = load("tokens.json")
    token = edited(unhex(vector["good"], "token"), refused["edits"])
    with pytest.raises(TokenRefused) as caught:
        verify_token(token, unhex(vector, "bridge_id"), unhex(vector, "nonce"), unhex(vector, "certificate"))
    assert caught.value.refusal == refused["refusal"]


def anchors(vector: dict[str, Any]) -> TrustAnchors:
    given = vector["anchors"]
    authority = x509.load_der_x509_certificate(unhex(given, "certificate"))
    face = CvAnchor(unhex(given, "issuer"), int(given["modulus"], 16), int(given["exponent"], 16))
    return TrustAnchors((authority,), (face,))


def believe(encoded: bytes, vector: dict[str, Any]) -> None:
    """As a bridge does. Raises TokenRefused."""
    shown = evidence.decode(encoded)
    consents = {int(number): given for number, given in vector["consents"].items()}
    visit = (unhex(vector, "bridge_id"), unhex(vector, "nonce"), unhex(vector, "cti"), consents)
    bound = evidence.binding(*visit, evidence.method_of(shown))
    authentication = evidence.verify_authentication_certificate(shown.certificate, anchors(vector))
    if isinstance(shown, PinEvidence):
        evidence.verify_pin_signature(authentication, bound, shown.signature)
        return
    assert isinstance(shown, FaceEvidence)
    signed = (shown.issuer_certificate, shown.group1, shown.group2_hash, shown.photo_hash, shown.photo_signature)
    evidence.verify_card_key(evidence.verify_photo(*signed, anchors(vector)), bound, shown.card_signature)


def test_the_good_evidence_of_either_method_is_believed() -> None:
    vector = load("evidence.json")
    consents = {int(number): given for number, given in vector["consents"].items()}
    assert [good["method"] for good in vector["good"]] == [Method.PIN, Method.FACE]
    for good in vector["good"]:
        believe(unhex(good, "evidence"), vector)
        visit = (unhex(vector, "bridge_id"), unhex(vector, "nonce"), unhex(vector, "cti"), consents)
        assert evidence.binding(*visit, Method(good["method"])).hex() == good["binding"]


@pytest.mark.parametrize("refused", load("evidence.json")["refused"], ids=lambda one: str(one["refusal"]))
def test_evidence_that_the_vectors_call_refused_is_refused_for_that_reason(refused: dict[str, Any]) -> None:
    vector = load("evidence.json")
    (good,) = (unhex(one, "evidence") for one in vector["good"] if one["method"] == refused["method"])
    fields = cbor.decode(good, evidence.EVIDENCE_CAP)
    assert isinstance(fields, list)
    for at, value in refused["exchanged"].items():
        fields[int(at)] = bytes.fromhex(value)
    with pytest.raises(TokenRefused) as caught:
        believe(cbor.encode(fields), vector)
    assert caught.value.refusal == refused["refusal"]


def test_the_sealed_record_opens_to_token_and_evidence_and_nothing_changed_does() -> None:
    vector = load("record.json")
    opening = unhex(vector, "private_key"), unhex(vector, "bridge_id")
    token, shown = open_record(*opening, unhex(vector, "sealed"))
    assert token == unhex(load("tokens.json")["good"], "token")
    assert shown == unhex(load("evidence.json")["good"][0], "evidence")
    assert unhex(vector, "info") == b"urn:face-card-reader:record:1\0" + opening[1]
    for refused in vector["refused"]:
        with pytest.raises(TokenRefused) as caught:
            open_record(*opening, edited(unhex(vector, "sealed"), refused["edits"]))
        assert caught.value.refusal == refused["refusal"]
    with pytest.raises(TokenRefused):
        open_record(opening[0], bytes(16), unhex(vector, "sealed"))
