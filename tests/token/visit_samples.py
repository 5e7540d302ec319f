"""Made-up authorities, cards and readers for tests: every key is generated when a test run needs it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.token.anchors import TrustAnchors
from firmware.token.claims import FIRST, Claims, DebugStatus, Method, certificate_mac
from firmware.token.evidence import FaceEvidence, PinEvidence

NOW = 1_790_000_000
"""The tests' present, seconds since 1970 (September 2026)."""
TODAY = date(2026, 9, 21)
BRIDGE_ID = bytes(range(16))
NONCE = bytes(range(100, 132))
FACILITY_KEY = bytes(range(32))
NAME = "見本 花子"
BIRTHDATE = b"19800217"
PERSON = {
    "InsuredCardClassification": "01",
    "InsurerNumber": "06999999",
    "InsuredCardSymbol": "見本",
    "InsuredIdentificationNumber": "1",
    "Name": "見本　花子",
    "NameKana": "ﾐﾎﾝ ﾊﾅｺ",
    "Sex1": "2",
    "Birthdate": "19800217",
}
"""What the eligibility system answers about that patient."""


def _name(**parts: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(getattr(NameOID, key.upper()), value) for key, value in parts.items()])


def issue(
    subject: x509.Name,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    ca: bool = False,
    usage: x509.ObjectIdentifier | None = None,
    since: int = NOW - 900 * 86400,
    until: int = NOW + 30 * 86400,
    ballast: int = 0,
) -> x509.Certificate:
    """`ballast`: bytes by which an extension that nobody knows makes the certificate larger."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(since, UTC))
        .not_valid_after(datetime.fromtimestamp(until, UTC))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if ballast:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(ballast))
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(issuer_key, SHA256())


def tlv(tag: int, value: bytes) -> bytes:
    length = len(value)
    head = bytes([length]) if length < 128 else bytes([0x82]) + length.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + head + value


def encode_key(key: rsa.RSAPublicKey) -> bytes:
    numbers = key.public_numbers()
    return tlv(0x90, numbers.e.to_bytes(3, "big")) + tlv(0x91, numbers.n.to_bytes(256, "big"))


def new_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def raw_pkcs1(key: rsa.RSAPrivateKey, digest_info: bytes) -> bytes:
    """What a card computes: type 1 padding around any DigestInfo, then the private operation."""
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest_info)) + b"\x00" + digest_info
    numbers = key.private_numbers()
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


class Authority:
    """Who issues cards: an X.509 CA for user authentication and a CV authority for card faces."""

    def __init__(self, cv_name: bytes = b"TEST CV CA 00001") -> None:
        self.jpki_key, self.cv_key = new_rsa(), new_rsa()
        self.jpki_name = _name(organization_name="JPKI-like test", common_name="user authentication")
        self.jpki = issue(self.jpki_name, self.jpki_key.public_key(), self.jpki_name, self.jpki_key, ca=True)
        self.cv_name = cv_name
        self.face_signer = new_rsa()
        body = cv_name + b"TEST SIGNER 0001" + encode_key(self.face_signer.public_key())
        signature = self.cv_key.sign(body, padding.PKCS1v15(), SHA256())
        self.face_signer_certificate = tlv(0x7F21, tlv(0x5F4E, body) + tlv(0x5F37, signature))

    def files(self) -> dict[str, bytes]:
        numbers = self.cv_key.public_key().public_numbers()
        cv = {"issuer": self.cv_name.hex(), "modulus": f"{numbers.n:x}", "exponent": numbers.e}
        return {"jpki_ca.pem": self.jpki.public_bytes(Encoding.PEM), "cv_ca.json": json.dumps(cv).encode()}

    def anchors(self) -> TrustAnchors:
        files = self.files()
        return TrustAnchors.from_files(files["jpki_ca.pem"], files["cv_ca.json"])


class Card:
    """A card of one authority: authentication key with certificate, card key, signed face."""

    def __init__(
        self,
        authority: Authority,
        until: int = NOW + 900 * 86400,
        ballast: int = 0,
        since: int = NOW - 900 * 86400,
    ) -> None:
        self.authority = authority
        self.key, self.card_key = new_rsa(), new_rsa()
        subject = _name(country_name="JP", common_name="00000000000000000TEST01")
        names = (authority.jpki_name, authority.jpki_key)
        self.x509 = issue(subject, self.key.public_key(), *names, since=since, until=until, ballast=ballast)
        self.certificate = self.x509.public_bytes(Encoding.DER)
        self.group1 = tlv(0xDF22, BIRTHDATE) + tlv(0xDF23, b"2") + tlv(0xDF24, encode_key(self.card_key.public_key()))
        self.group2_hash = hashlib.sha256(b"pictures of name and address").digest()
        self.photo_hash = hashlib.sha256(b"photo" + self.certificate).digest()
        hashes = hashlib.sha256(self.group1).digest() + self.group2_hash + self.photo_hash
        info = bytes.fromhex("3071300d060960864801650304020105000460") + hashes
        self.photo_signature = raw_pkcs1(authority.face_signer, info)

    def pin_evidence(self, bound: bytes) -> PinEvidence:
        return PinEvidence(self.certificate, self.key.sign(bound, padding.PKCS1v15(), Prehashed(SHA256())))

    def face_evidence(self, bound: bytes) -> FaceEvidence:
        return FaceEvidence(
            self.certificate,
            self.authority.face_signer_certificate,
            self.group1,
            self.group2_hash,
            self.photo_hash,
            self.photo_signature,
            self.card_key.sign(bound, padding.PKCS1v15(), SHA256()),
        )


class Facility:
    """Who issues local identities to readers."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(common_name="Test facility CA")
        self.ca = issue(self.name, self.key.public_key(), self.name, self.key, ca=True)


class Reader:
    """A paired reader."""

    def __init__(
        self,
        facility: Facility,
        device_id: str = "TEST-0001",
        role: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        until: int = NOW + 30 * 86400,
    ) -> None:
        self.device_id = device_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(serial_number=device_id)
        certificate = issue(subject, self.key.public_key(), facility.name, facility.key, usage=role, until=until)
        self.certificate = certificate.public_bytes(Encoding.DER)
        self.chain = [self.certificate, facility.ca.public_bytes(Encoding.DER)]

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True)
class World:
    """Everything one visit needs."""

    authority: Authority
    card: Card
    facility: Facility
    reader: Reader


def make_world() -> World:
    authority, facility = Authority(), Facility()
    return World(authority, Card(authority), facility, Reader(facility))


def claims_of(
    world: World,
    evidence: bytes,
    *,
    method: Method = Method.PIN,
    cti: bytes = b"visit 0000000001",
    consents: Mapping[int, bool] | None = None,
    counter: int = 1,
    debug: DebugStatus = DebugStatus.ENABLED,
    issued_at: int = NOW,
    facility_key: bytes = FACILITY_KEY,
) -> Claims:
    return Claims(
        device_id=world.reader.device_id,
        cti=cti,
        issued_at=issued_at,
        oemid=b"test maker 00016",
        hwmodel=b"virtual reader",
        oemboot=False,
        debug=debug,
        firmware=hashlib.sha256(b"firmware").digest(),
        face_model=hashlib.sha256(b"models").digest(),
        method=method,
        consents={1: True, 2: False} if consents is None else consents,
        policy_date=TODAY,
        evidence=hashlib.sha256(evidence).digest(),
        certificate_mac=certificate_mac(facility_key, world.card.certificate),
        counter=counter,
        previous=FIRST,
    )
