"""A facility, a reader and a card with the same keys every time, so that a finding can be played again; and what they
say when all is well: where the fuzzers begin."""

import hashlib
import random
from datetime import UTC, date, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.token import evidence
from firmware.token.anchors import CvAnchor, TrustAnchors
from firmware.token.claims import FIRST, Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token
from firmware.token.record import seal
from firmware.wire import cobs, enrolment, frame, messages
from firmware.wire.channel import SESSION
from firmware.wire.frame import Frame

NOW: Final = 1_790_000_000
BRIDGE_ID: Final = bytes(range(16))
NONCE: Final = bytes(range(32))
CTI: Final = bytes(range(16, 32))
FACILITY_KEY: Final = bytes(32)
DEVICE_ID: Final = "FUZZ-0001"
SEALING_PRIVATE: Final = bytes(range(32))
SEALING_PUBLIC: Final = X25519PrivateKey.from_private_bytes(SEALING_PRIVATE).public_key().public_bytes_raw()

_CV_ISSUER = b"FUZZ CV CA 00001"
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_ES256 = ec.ECDSA(SHA256(), deterministic_signing=True)


def _rsa(dice: random.Random) -> rsa.RSAPrivateKey:
    """Always the same key of 2,048 bits."""
    p, q = _prime(dice), _prime(dice)
    d = rsa.rsa_recover_private_exponent(65537, p, q)
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(65537, p * q)).private_key()


def _prime(dice: random.Random) -> int:
    """1,024 bits, the two highest and the lowest set."""
    while True:
        candidate = dice.getrandbits(1024) | 3 << 1022 | 1
        if all(candidate % small for small in range(3, 2000, 2)) and pow(2, candidate - 1, candidate) == 1:
            return candidate


FACILITY: Final = ec.derive_private_key(1001, ec.SECP256R1())
READER: Final = ec.derive_private_key(1002, ec.SECP256R1())
P384: Final = ec.derive_private_key(1003, ec.SECP384R1())
CARD: Final = _rsa(random.Random(2026))
"""Plays every RSA key there is: of the card, of its face, of those who issued both."""


def name(common: str, number: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    return x509.Name([*parts, x509.NameAttribute(NameOID.SERIAL_NUMBER, number)] if number else parts)


def issue(
    subject: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
) -> bytes:
    """A certificate in DER, always the same."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(12345678)
        .not_valid_before(datetime.fromtimestamp(NOW - 86400, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + 30 * 86400, UTC))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    deterministic = True if isinstance(issuer_key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(issuer_key, SHA256(), ecdsa_deterministic=deterministic).public_bytes(Encoding.DER)


_FACILITY_NAME = name("fuzzed facility", BRIDGE_ID.hex())
_JPKI_NAME = name("fuzzed authority of cards")
FACILITY_CA: Final = issue(_FACILITY_NAME, FACILITY.public_key(), _FACILITY_NAME, FACILITY, ca=True)
DEVICE: Final = issue(name("reader", DEVICE_ID), READER.public_key(), _FACILITY_NAME, FACILITY)
JPKI_CA: Final = issue(_JPKI_NAME, CARD.public_key(), _JPKI_NAME, CARD, ca=True)
PATIENT: Final = issue(name("patient"), CARD.public_key(), _JPKI_NAME, CARD)
PATIENT_P384: Final = issue(name("patient"), P384.public_key(), _JPKI_NAME, CARD)


def es256(message: bytes) -> bytes:
    """The reader's signature, r then s, always the same."""
    r, s = decode_dss_signature(READER.sign(message, _ES256))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def reissued(tbs: bytes, algorithm: bytes) -> list[bytes]:
    """A certificate's contents, signed by the facility and by the authority of cards, whatever they say."""
    signatures = (FACILITY.sign(tbs, _ES256), CARD.sign(tbs, padding.PKCS1v15(), SHA256()))
    return [der(0x30, tbs + algorithm + der(0x03, b"\0" + signature)) for signature in signatures]


def requested(info: bytes) -> bytes:
    """A certificate request's contents, signed by the reader, whatever they say."""
    return der(0x30, info + _ECDSA_WITH_SHA256 + der(0x03, b"\0" + READER.sign(info, _ES256)))


def der(tag: int, value: bytes) -> bytes:
    size = len(value)
    digits = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes((tag,)) + (digits if size < 0x80 else bytes((0x80 | len(digits),)) + digits) + value


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes((tag >> 8,)) + der(tag & 0xFF, value) if tag > 0xFF else der(tag, value)


REQUEST: Final = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(name("reader", DEVICE_ID))
    .sign(READER, SHA256(), ecdsa_deterministic=True)
    .public_bytes(Encoding.DER)
)


def anchors() -> TrustAnchors:
    numbers = CARD.public_key().public_numbers()
    jpki = x509.load_der_x509_certificate(JPKI_CA)
    return TrustAnchors((jpki,), (CvAnchor(_CV_ISSUER, numbers.n, numbers.e),))


def claims(message: bytes, method: Method) -> Claims:
    return Claims(
        device_id=DEVICE_ID,
        cti=CTI,
        issued_at=NOW,
        oemid=b"fuzzed maker 016",
        hwmodel=b"fuzzed reader",
        oemboot=False,
        debug=DebugStatus.ENABLED,
        firmware=hashlib.sha256(b"firmware").digest(),
        face_model=hashlib.sha256(b"models").digest(),
        method=method,
        consents={1: True, 2: False},
        policy_date=date(2026, 9, 21),
        evidence=hashlib.sha256(message).digest(),
        certificate_mac=certificate_mac(FACILITY_KEY, PATIENT),
        counter=1,
        previous=FIRST,
    )


def bound(method: Method) -> bytes:
    return evidence.binding(BRIDGE_ID, NONCE, CTI, {1: True, 2: False}, method)


def _pin() -> evidence.PinEvidence:
    return evidence.PinEvidence(PATIENT, CARD.sign(bound(Method.PIN), padding.PKCS1v15(), Prehashed(SHA256())))


def _pin_p384() -> evidence.PinEvidence:
    algorithm = ec.ECDSA(SHA384(), deterministic_signing=True)
    r, s = decode_dss_signature(P384.sign(bound(Method.PIN), algorithm))
    return evidence.PinEvidence(PATIENT_P384, r.to_bytes(48, "big") + s.to_bytes(48, "big"))


def _face() -> evidence.FaceEvidence:
    numbers = CARD.public_key().public_numbers()
    key = _tlv(0x90, numbers.e.to_bytes(3, "big")) + _tlv(0x91, numbers.n.to_bytes(256, "big"))
    body = _CV_ISSUER + b"FUZZ SIGNER 0001" + key
    issuer = _tlv(0x7F21, _tlv(0x5F4E, body) + _tlv(0x5F37, CARD.sign(body, padding.PKCS1v15(), SHA256())))
    group1 = _tlv(0xDF22, b"19800217") + _tlv(0xDF23, b"2") + _tlv(0xDF24, key)
    hashes = hashlib.sha256(group1).digest() + bytes(32) + bytes(range(32))
    info = bytes.fromhex("3071300d060960864801650304020105000460") + hashes
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    signature = pow(int.from_bytes(block, "big"), CARD.private_numbers().d, numbers.n).to_bytes(256, "big")
    card = CARD.sign(bound(Method.FACE), padding.PKCS1v15(), SHA256())
    return evidence.FaceEvidence(PATIENT, issuer, group1, bytes(32), bytes(range(32)), signature, card)


EVIDENCE: Final = [evidence.encode(one) for one in (_pin(), _face(), _pin_p384())]
TOKENS: Final = [
    sign_token(claims(message, method), BRIDGE_ID, NONCE, es256, DEVICE)
    for message, method in zip(EVIDENCE, (Method.PIN, Method.FACE), strict=False)
]
RECORD: Final = seal(SEALING_PUBLIC, BRIDGE_ID, TOKENS[0], EVIDENCE[0])
"""Another each time, and no less readable."""
BODIES: Final = {
    messages.SETTINGS: messages.pack_settings(BRIDGE_ID, FACILITY_KEY, SEALING_PUBLIC, 1, messages.DEMO, NOW),
    messages.OPEN_VISIT: b"",
    messages.IDENTIFY: PATIENT,
    messages.DELIVER: RECORD,
    messages.PRESCRIPTIONS: bytes(32),
    messages.CHECK_PASSCODE: messages.pack_passcode("123456"),
    messages.NONCE: NONCE,
    messages.STANDING: messages.pack_standing(True, 1, messages.ASK_CONSENTS),
    messages.RECEIPT: messages.pack_receipt(CTI, False, "nonce_used"),
    messages.CERTIFICATE_STATUS: bytes((messages.GOOD,)),
    messages.PRESCRIPTION_LIST: messages.pack_prescriptions([(b"1", 20260921, "見本"), (b"2", 20260922, "")]),
    messages.PASSCODE: messages.pack_verdict(messages.PASSCODE_WRONG, 3),
    messages.ISSUED: DEVICE,
}
STEPS: Final = {
    enrolment.HELLO: enrolment.pack_hello(FACILITY_CA, enrolment.commitment(NONCE)),
    enrolment.IDENTITY: enrolment.pack_identity([DEVICE, FACILITY_CA], b"request", NONCE),
    enrolment.REVEAL: NONCE,
    enrolment.PROOF: bytes(enrolment.SIGNATURE_SIZE),
    enrolment.ISSUED: DEVICE,
    enrolment.DONE: b"",
    enrolment.REFUSED: b"code",
}


def _line(*said: Frame) -> bytes:
    return b"".join(one.encode(cobs) for one in said)


LINES: Final = [
    _line(
        Frame(frame.OPEN, True, 7, payload=bytes((SESSION,))),
        Frame(frame.DATA, True, 7, 0, b"question"),
        Frame(frame.ACK, True, 7, 0),
        Frame(frame.DATA, True, 7, 1),
        Frame(frame.RESET, True, 7, payload=b"\5"),
    ),
    _line(
        Frame(frame.OPENED, False, 1, payload=bytes(4)),
        Frame(frame.ACK, False, 1, 0),
        Frame(frame.DATA, False, 1, 0, bytes(range(256))),
        Frame(frame.RESET, False, 1, payload=b"\2"),
    ),
]
"""What a host says, and a reader, if the other half of the connection's id is 0."""
