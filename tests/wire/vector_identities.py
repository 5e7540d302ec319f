"""Who takes part in the vectors: keys and certificates, all made up for them and for nothing else.

They are made once, and kept in identities.json with their private keys, so that the other files can be made anew.
"""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from host_bridge.certificates import issue, name

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2056, 1, 1, tzinfo=UTC)
BRIDGE = bytes(range(16)).hex()
DEVICE = "VECTOR-0001"
Identity = dict[str, str]
"""What belongs to one party: hex of DER, or of whatever bytes the name says."""


def private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """PKCS #8, not encrypted."""
    der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    return key.private_bytes(der, pkcs8, serialization.NoEncryption()).hex()


def elliptic(identity: Identity) -> ec.EllipticCurvePrivateKey:
    """The P-256 key of a party."""
    key = serialization.load_der_private_key(bytes.fromhex(identity["private_key"]), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def rsa_key(identity: Identity) -> rsa.RSAPrivateKey:
    """The RSA key of a party."""
    key = serialization.load_der_private_key(bytes.fromhex(identity["private_key"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def certificate(identity: Identity) -> bytes:
    """DER."""
    return bytes.fromhex(identity["certificate"])


def tlv(tag: int, value: bytes) -> bytes:
    """As on a card: tag, length, value."""
    length = len(value)
    head = bytes([length]) if length < 128 else bytes([0x82]) + length.to_bytes(2, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + head + value


def card_verifiable(key: rsa.RSAPublicKey) -> bytes:
    """An RSA public key as a card's files have it."""
    numbers = key.public_numbers()
    return tlv(0x90, numbers.e.to_bytes(3, "big")) + tlv(0x91, numbers.n.to_bytes(256, "big"))


def make() -> dict[str, Identity]:
    """All parties."""
    return _facility() | _reader_of_a_maker() | _patients()


def _facility() -> dict[str, Identity]:
    """Authority, bridge and reader of a facility."""
    authority, host, reader, renewed = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    authority_name = name("Authority of the vectors", BRIDGE)
    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    made = {
        "authority": (authority, authority_name, None),
        "host": (host, name("Bridge of the vectors", BRIDGE), client),
        "reader": (reader, name("Reader of the vectors", DEVICE), server),
        "renewed_reader": (renewed, name("Reader of the vectors", DEVICE), server),
    }
    parties = {
        party: {
            "private_key": private(key),
            "certificate": _der(issue(subject, key.public_key(), authority_name, authority, role, SINCE, UNTIL)),
        }
        for party, (key, subject, role) in made.items()
    }
    for party, key in (("reader", reader), ("renewed_reader", renewed)):
        request = x509.CertificateSigningRequestBuilder().subject_name(made[party][1]).sign(key, SHA256())
        parties[party]["request"] = request.public_bytes(serialization.Encoding.DER).hex()
    sealing = X25519PrivateKey.generate()
    parties["host"]["sealing_private_key"] = sealing.private_bytes_raw().hex()
    parties["host"]["sealing_key"] = sealing.public_key().public_bytes_raw().hex()
    parties["host"]["bridge_id"] = BRIDGE
    parties["host"]["facility_key"] = bytes(range(100, 132)).hex()
    return parties


def _reader_of_a_maker() -> dict[str, Identity]:
    maker, device = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    maker_name = name("Maker of the vectors", "MAKER")
    role = ExtendedKeyUsageOID.SERVER_AUTH
    root = issue(maker_name, maker.public_key(), maker_name, maker, None, SINCE, UNTIL)
    idevid = issue(name("Reader", DEVICE), device.public_key(), maker_name, maker, role, SINCE, UNTIL)
    return {
        "maker": {"private_key": private(maker), "certificate": _der(root)},
        "idevid": {"private_key": private(device), "certificate": _der(idevid)},
    }


def _patients() -> dict[str, Identity]:
    """Who issues cards, and one card."""
    authority, patient, cv_authority, signer, card = (rsa.generate_private_key(65537, 2048) for _ in range(5))
    body = b"VECTOR CV CA 001" + b"VECTOR SIGNER 01" + card_verifiable(signer.public_key())
    signature = cv_authority.sign(body, padding.PKCS1v15(), SHA256())
    issuer = tlv(0x7F21, tlv(0x5F4E, body) + tlv(0x5F37, signature))
    numbers = cv_authority.public_key().public_numbers()
    return {
        "card_authority": {"certificate": _rsa_certificate("Card authority of the vectors", authority, None)},
        "card_authentication": {
            "private_key": private(patient),
            "certificate": _rsa_certificate("Patient of the vectors", patient, authority),
        },
        "card_face_authority": {
            "issuer": b"VECTOR CV CA 001".hex(),
            "modulus": f"{numbers.n:x}",
            "exponent": f"{numbers.e:x}",
        },
        "card_face_signer": {"private_key": private(signer), "cv_certificate": issuer.hex()},
        "card_face": {"private_key": private(card)},
    }


def _rsa_certificate(common: str, key: rsa.RSAPrivateKey, issuer: rsa.RSAPrivateKey | None) -> str:
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (common, "Card authority of the vectors")
    ]
    built = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
    )
    return _der(built.sign(key if issuer is None else issuer, SHA256()))


def _der(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.DER).hex()
