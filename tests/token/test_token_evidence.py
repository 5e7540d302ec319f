import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from visit_samples import BRIDGE_ID, NONCE, Authority, Card, World, encode_key, issue, new_rsa, raw_pkcs1, tlv

from firmware.token import cbor, cv, evidence
from firmware.token.anchors import AnchorsMalformed, CvAnchor, TrustAnchors
from firmware.token.claims import Method
from firmware.token.evidence import EVIDENCE_CAP, FaceEvidence, PinEvidence, binding
from firmware.token.refusal import Refusal, TokenRefused


def anchor_file(issuer: str = "00" * 16, modulus: str = "ff" * 256, exponent: int = 65537) -> str:
    return json.dumps({"issuer": issuer, "modulus": modulus, "exponent": exponent})


CTI = b"visit 0000000001"
BOUND = binding(BRIDGE_ID, NONCE, CTI, {1: True}, Method.FACE)


@pytest.fixture(scope="module")
def face(world: World) -> FaceEvidence:
    return world.card.face_evidence(BOUND)


@pytest.fixture(scope="module")
def sibling(world: World) -> Card:
    """Another card of the same authority."""
    return Card(world.authority)


def check(face: FaceEvidence, anchors: TrustAnchors) -> None:
    key = evidence.verify_photo(
        face.issuer_certificate, face.group1, face.group2_hash, face.photo_hash, face.photo_signature, anchors
    )
    evidence.verify_card_key(key, BOUND, face.card_signature)


def refusal_of(call: Callable[[], object]) -> Refusal:
    with pytest.raises(TokenRefused) as refused:
        call()
    return refused.value.refusal


def test_evidence_of_both_kinds_survives_the_journey(world: World, face: FaceEvidence) -> None:
    pin = world.card.pin_evidence(BOUND)
    for sent in (pin, face):
        message = evidence.encode(sent)
        assert evidence.decode(message) == sent
        assert len(message) <= EVIDENCE_CAP
    assert evidence.method_of(pin) is Method.PIN
    assert evidence.method_of(face) is Method.FACE


def test_a_message_of_another_shape_is_refused() -> None:
    assert refusal_of(lambda: evidence.decode(bytes(EVIDENCE_CAP + 1))) is Refusal.TOO_LARGE
    staff = cbor.encode(["staff", b"", b""])
    assert refusal_of(lambda: evidence.decode(staff)) is Refusal.MALFORMED
    largest = evidence.encode(PinEvidence(bytes(EVIDENCE_CAP - 9), b""))
    assert len(largest) == EVIDENCE_CAP
    assert evidence.decode(largest) == PinEvidence(bytes(EVIDENCE_CAP - 9), b"")
    with pytest.raises(ValueError, match="evidence of 8193 bytes"):
        evidence.encode(PinEvidence(bytes(EVIDENCE_CAP - 8), b""))


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("9f63" + b"pin".hex() + "4040ff", Refusal.INDEFINITE_LENGTH),
        ("8363" + b"pin".hex() + "5f41aaff40", Refusal.INDEFINITE_LENGTH),
        ("8363" + b"pin".hex() + "404000", Refusal.TRAILING_BYTES),
        ("980363" + b"pin".hex() + "4040", Refusal.NOT_DETERMINISTIC),
        ("8363" + b"pin".hex() + "40a200000001", Refusal.DUPLICATE_KEY),
        ("8363" + b"pin".hex() + "40f6", Refusal.MALFORMED),
        ("8363" + b"pin".hex() + "40", Refusal.MALFORMED),
        ("d28363" + b"pin".hex() + "4040", Refusal.MALFORMED),
    ],
)
def test_another_encoding_of_a_message_is_refused(message: str, refusal: Refusal) -> None:
    assert refusal_of(lambda: evidence.decode(bytes.fromhex(message))) is refusal


def test_the_binding_depends_on_everything_it_binds() -> None:
    bindings = {
        BOUND,
        binding(bytes(16), NONCE, CTI, {1: True}, Method.FACE),
        binding(BRIDGE_ID, bytes(32), CTI, {1: True}, Method.FACE),
        binding(BRIDGE_ID, NONCE, bytes(16), {1: True}, Method.FACE),
        binding(BRIDGE_ID, NONCE, CTI, {1: False}, Method.FACE),
        binding(BRIDGE_ID, NONCE, CTI, {1: True, 2: True}, Method.FACE),
        binding(BRIDGE_ID, NONCE, CTI, {1: True}, Method.PIN),
    }
    assert len(bindings) == 7
    assert all(len(bound) == 32 for bound in bindings)


def test_the_binding_is_a_hash_of_hashes() -> None:
    answers = bytes.fromhex("83" + "64" + b"face".hex() + "50" + CTI.hex() + "a101f5")
    pieces = (b"urn:face-card-reader:card-evidence:1", BRIDGE_ID, NONCE, answers)
    hashes = b"".join(hashlib.sha256(piece).digest() for piece in pieces)
    assert binding(BRIDGE_ID, NONCE, CTI, {1: True}, Method.FACE) == hashlib.sha256(hashes).digest()


def test_genuine_card_is_believed_by_face_and_by_pin(world: World, face: FaceEvidence) -> None:
    anchors = world.authority.anchors()
    check(face, anchors)
    certificate = evidence.verify_authentication_certificate(world.card.certificate, anchors)
    evidence.verify_pin_signature(certificate, BOUND, world.card.pin_evidence(BOUND).signature)


def test_a_pin_signature_is_what_the_card_makes_of_the_digest_info(world: World) -> None:
    signature = raw_pkcs1(world.card.key, evidence.digest_info(BOUND))
    evidence.verify_pin_signature(world.card.x509, BOUND, signature)


def p384_card(curve: ec.EllipticCurve) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key on a card of the next generation, and its certificate."""
    key, name = ec.generate_private_key(curve), x509.Name([])
    return key, issue(name, key.public_key(), name, key)


def test_a_p384_card_signs_what_it_is_asked_and_nothing_else_passes() -> None:
    key, certificate = p384_card(ec.SECP384R1())
    asked = evidence.card_input(certificate.public_bytes(Encoding.DER), BOUND)
    assert asked == hashlib.sha384(BOUND).digest()
    der = key.sign(asked, ec.ECDSA(Prehashed(SHA384())))
    plain = b"".join(number.to_bytes(48, "big") for number in decode_dss_signature(der))
    evidence.verify_pin_signature(certificate, BOUND, plain)
    other = plain[:95] + bytes((plain[95] ^ 1,))
    for signature in (der, other, plain[48:] + plain[:48], bytes(96), plain[:95], plain + b"\0", b""):
        call = partial(evidence.verify_pin_signature, certificate, BOUND, signature)
        assert refusal_of(call) is Refusal.PIN_SIGNATURE
    assert refusal_of(partial(evidence.verify_pin_signature, certificate, bytes(32), plain)) is Refusal.PIN_SIGNATURE


def test_an_rsa_card_is_asked_for_a_digest_info_and_any_other_key_is_refused(world: World) -> None:
    assert evidence.card_input(world.card.certificate, BOUND) == evidence.digest_info(BOUND)
    _, other = p384_card(ec.SECP256R1())
    der = other.public_bytes(Encoding.DER)
    assert refusal_of(lambda: evidence.card_input(der, BOUND)) is Refusal.KEY_UNSUPPORTED
    assert refusal_of(lambda: evidence.verify_pin_signature(other, BOUND, bytes(96))) is Refusal.KEY_UNSUPPORTED
    assert refusal_of(lambda: evidence.card_input(b"0", BOUND)) is Refusal.CERTIFICATE_MALFORMED


def test_a_key_that_nobody_knows_is_refused(world: World) -> None:
    _, other = p384_card(ec.SECP256R1())
    curve = bytes.fromhex("06082a8648ce3d0301")
    der = other.public_bytes(Encoding.DER).replace(curve + b"\x07", curve + b"\x7f")
    assert refusal_of(lambda: evidence.card_input(der, BOUND)) is Refusal.KEY_UNSUPPORTED
    certificate = x509.load_der_x509_certificate(der)
    assert refusal_of(lambda: evidence.verify_pin_signature(certificate, BOUND, bytes(96))) is Refusal.KEY_UNSUPPORTED


def test_a_card_certificate_without_basic_constraints_is_believed(world: World) -> None:
    plain, authority = world.card.x509, world.authority
    builder = x509.CertificateBuilder(plain.issuer, plain.subject, plain.public_key(), 1)
    builder = builder.not_valid_before(plain.not_valid_before_utc).not_valid_after(plain.not_valid_after_utc)
    der = builder.sign(authority.jpki_key, SHA256()).public_bytes(Encoding.DER)
    assert evidence.verify_authentication_certificate(der, authority.anchors()).serial_number == 1


def test_what_was_changed_on_the_card_face_is_named(world: World, face: FaceEvidence, sibling: Card) -> None:
    anchors = world.authority.anchors()
    changed = {
        Refusal.PHOTO_CHANGED: replace(face, photo_hash=sibling.photo_hash),
        Refusal.CARD_FACE_CHANGED: replace(face, group2_hash=bytes(32)),
        Refusal.HOLDER_CHANGED: replace(face, group1=face.group1.replace(b"19800217", b"20800217")),
        Refusal.PHOTO_SIGNATURE: replace(face, photo_signature=face.card_signature),
        Refusal.CARD_CLONED: replace(face, card_signature=sibling.face_evidence(BOUND).card_signature),
    }
    for refusal, evil in changed.items():
        assert refusal_of(partial(check, evil, anchors)) is refusal


def test_the_face_signature_of_another_card_is_refused(world: World, face: FaceEvidence) -> None:
    other = Card(world.authority)
    other.group2_hash = bytes(32)
    swapped = replace(face, photo_signature=other.photo_signature, group2_hash=bytes(32))
    assert refusal_of(lambda: check(swapped, world.authority.anchors())) is Refusal.PHOTO_SIGNATURE_SWAPPED


def test_a_signature_over_an_ordinary_digest_is_no_face_signature(world: World, face: FaceEvidence) -> None:
    plain = world.authority.face_signer.sign(face.group1, padding.PKCS1v15(), SHA256())
    forged = replace(face, photo_signature=plain)
    assert refusal_of(lambda: check(forged, world.authority.anchors())) is Refusal.PHOTO_SIGNATURE


def test_unpadded_and_cut_signatures_are_refused(world: World, face: FaceEvidence) -> None:
    anchors = world.authority.anchors()
    for signature in (b"", bytes(256), b"\xff" * 256, face.photo_signature[:-1], b"\0" + face.photo_signature):
        evil = replace(face, photo_signature=signature)
        assert refusal_of(partial(check, evil, anchors)) is Refusal.PHOTO_SIGNATURE


def test_issuers_that_nobody_vouches_for_are_refused(world: World, face: FaceEvidence) -> None:
    anchors = world.authority.anchors()
    stranger = Card(Authority(b"SOMEBODY ELSE 01")).face_evidence(BOUND)
    impostor = Card(Authority()).face_evidence(BOUND)
    garbage = replace(face, issuer_certificate=b"\x7f\x21\x03\x01\x01\x01")
    assert refusal_of(lambda: check(stranger, anchors)) is Refusal.ISSUER_UNKNOWN
    assert refusal_of(lambda: check(impostor, anchors)) is Refusal.ISSUER_FORGED
    assert refusal_of(lambda: check(garbage, anchors)) is Refusal.ISSUER_MALFORMED


def test_a_card_face_without_a_usable_key_is_refused(world: World) -> None:
    class Keyless(Card):
        def __init__(self, authority: Authority, group1: bytes) -> None:
            super().__init__(authority)
            digest = hashlib.sha256(group1).digest() + self.group2_hash + self.photo_hash
            self.group1 = group1
            info = bytes.fromhex("3071300d060960864801650304020105000460") + digest
            self.photo_signature = raw_pkcs1(authority.face_signer, info)

    for group1 in (b"", b"\xdf\x22", tlv(0xDF24, b"\x90\x01\x03\x91\x01\x05")):
        evil = Keyless(world.authority, group1).face_evidence(BOUND)
        assert refusal_of(partial(check, evil, world.authority.anchors())) is Refusal.KEY_UNSUPPORTED


def test_certificates_that_no_authority_issued_are_refused(world: World) -> None:
    anchors = world.authority.anchors()
    stranger = Card(Authority()).certificate
    authority = world.authority.jpki.public_bytes(Encoding.DER)
    for der, refusal in (
        (stranger, Refusal.CERTIFICATE_UNTRUSTED),
        (authority, Refusal.CERTIFICATE_UNTRUSTED),
        (b"\x30\x00", Refusal.CERTIFICATE_MALFORMED),
    ):
        assert refusal_of(partial(evidence.verify_authentication_certificate, der, anchors)) is refusal


def test_a_pin_signature_by_another_card_or_over_another_visit_is_refused(world: World, sibling: Card) -> None:
    other_visit = binding(BRIDGE_ID, bytes(32), CTI, {1: True}, Method.FACE)
    for signature in (sibling.pin_evidence(BOUND).signature, world.card.pin_evidence(other_visit).signature, b""):
        call = partial(evidence.verify_pin_signature, world.card.x509, BOUND, signature)
        assert refusal_of(call) is Refusal.PIN_SIGNATURE


@given(st.binary(max_size=80))
def test_garbage_is_no_cv_certificate(data: bytes) -> None:
    with pytest.raises(ValueError):
        cv.CvCertificate.parse(data)


def test_cv_certificate_may_be_padded_but_nothing_may_follow(world: World) -> None:
    encoded = world.authority.face_signer_certificate
    assert cv.CvCertificate.parse(encoded + bytes(20)).issuer == world.authority.cv_name
    assert cv.CvCertificate.parse(encoded).subject == b"TEST SIGNER 0001"
    for more in (b"\x01", b"\x00\x01", b"X"):
        with pytest.raises(ValueError, match=r"^not a CV certificate$"):
            cv.CvCertificate.parse(encoded + more)
    with pytest.raises(ValueError, match=r"^body and signature expected$"):
        cv.CvCertificate.parse(tlv(0x7F21, tlv(0x5F4E, b"")))
    with pytest.raises(ValueError, match="cut short"):
        cv.CvCertificate.parse(encoded[:-1])


def test_weak_keys_are_refused() -> None:
    small = tlv(0x90, b"\x01\x00\x01") + tlv(0x91, b"\xff" * 128)
    large = tlv(0x90, b"\x01\x00\x01") + tlv(0x91, b"\x01" + b"\xff" * 512)
    even = tlv(0x90, b"\x01\x00\x00") + tlv(0x91, b"\xff" * 256)
    for weak in (small, large, even):
        with pytest.raises(ValueError, match=r"^RSA key of an unexpected kind$"):
            cv.public_key(weak)
    with pytest.raises(ValueError, match=r"^exponent and modulus expected$"):
        cv.public_key(tlv(0x90, b"\x01\x00\x01"))
    largest = cv.public_key(tlv(0x90, b"\x01\x00\x01") + tlv(0x91, b"\xff" * 512))
    assert largest.key_size == 4096
    key = new_rsa().public_key()
    assert cv.public_key(encode_key(key)).public_numbers() == key.public_numbers()


NO_KEY = "^CV authority: issuer, modulus and exponent of an RSA key expected$"
WEAK_KEY = "^CV authority: 16-byte issuer, RSA key of 2048 to 4096 bits, exponent 65537$"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", NO_KEY),
        ("[]", NO_KEY),
        ('{"issuer": "no hex", "modulus": "ff", "exponent": 65537}', NO_KEY),
        ('{"issuer": "00", "exponent": 65537}', NO_KEY),
        (anchor_file(issuer="00" * 15), WEAK_KEY),
        (anchor_file(issuer="00" * 17), WEAK_KEY),
        (anchor_file(modulus="ff" * 255), WEAK_KEY),
        (anchor_file(modulus="ff" * 513), WEAK_KEY),
        (anchor_file(exponent=3), WEAK_KEY),
    ],
)
def test_anchor_file_of_another_form_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(AnchorsMalformed, match=complaint):
        CvAnchor.from_json(text)


def test_anchor_file_at_the_limits_is_taken() -> None:
    for size in (256, 512):
        assert CvAnchor.from_json(anchor_file(modulus="ff" * size)).key().key_size == 8 * size


def test_anchor_file_without_certificates_is_refused(world: World) -> None:
    with pytest.raises(AnchorsMalformed, match=r"^JPKI authority: PEM certificates expected$"):
        TrustAnchors.from_files(b"nothing", world.authority.files()["cv_ca.json"])
