"""Who issues virtual cards: an X.509 hierarchy like that of 公的個人認証, and the CV authority of the card's face.

Today's generation has RSA-2048 keys; the next one, announced and not published, P-384 keys (an assumption of ours).

FOLDER/jpki_ca.pem   user-authentication CA and its root, of both generations: what a verifier trusts
FOLDER/cv_ca.json    {"issuer", "modulus", "exponent"} of the CV authority: what a verifier trusts
FOLDER/private/      the keys, for issuing more cards later
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from board.sim.card.data import PrivateKey, read_key, read_rsa_key, write_key
from board.sim.card.surface import cv_certificate

CV_ISSUER = b"SIMULATED CV CA."
CV_SIGNER = b"SIMULATED CITY.."
_OCSP = "http://ocsp.invalid/"
_LIFE = timedelta(days=3653)
_RSA_KEYS = ("root_key", "ca_key", "cv_key", "signer_key")
_NEXT_KEYS = ("next_root_key", "next_ca_key")

PublicKey = RSAPublicKey | EllipticCurvePublicKey


def new_key() -> RSAPrivateKey:
    """RSA-2048, as on the card."""
    return rsa.generate_private_key(65537, 2048)


def new_next_key() -> EllipticCurvePrivateKey:
    """P-384, as on a card of the next generation."""
    return ec.generate_private_key(ec.SECP384R1())


@dataclass(frozen=True)
class Authority:
    """The keys and certificates behind every card it issues."""

    root: x509.Certificate
    root_key: RSAPrivateKey
    ca: x509.Certificate
    """Issues user-authentication certificates."""
    ca_key: RSAPrivateKey
    cv_key: RSAPrivateKey
    """Certifies the signers of card faces."""
    signer_key: RSAPrivateKey
    """Signs card faces."""
    signer_certificate: bytes
    """Its CV certificate: EF 0004."""
    next_root: x509.Certificate
    next_root_key: EllipticCurvePrivateKey
    next_ca: x509.Certificate
    """Issues user-authentication certificates of the next generation."""
    next_ca_key: EllipticCurvePrivateKey

    @classmethod
    def create(cls) -> "Authority":
        """A new one, with keys of its own: no card of another authority passes."""
        root_key, ca_key, cv_key, signer_key = (new_key() for _ in range(4))
        root, ca = _chain(root_key, ca_key)
        next_root_key, next_ca_key = new_next_key(), new_next_key()
        next_root, next_ca = _chain(next_root_key, next_ca_key)
        certificate = cv_certificate(CV_ISSUER, cv_key, CV_SIGNER, signer_key.public_key())
        return cls(
            *(root, root_key, ca, ca_key, cv_key, signer_key, certificate),
            *(next_root, next_root_key, next_ca, next_ca_key),
        )

    def save(self, folder: Path) -> None:
        """Write the authority's folder; it must not exist."""
        private = folder / "private"
        private.mkdir(mode=0o700, parents=True)
        chain = (self.ca, self.root, self.next_ca, self.next_root)
        (folder / "jpki_ca.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        numbers = self.cv_key.public_key().public_numbers()
        anchor = {"issuer": CV_ISSUER.hex(), "modulus": f"{numbers.n:x}", "exponent": numbers.e}
        (folder / "cv_ca.json").write_text(json.dumps(anchor, indent=2) + "\n", "utf-8")
        for name in (*_RSA_KEYS, *_NEXT_KEYS):
            write_key(private / f"{name}.pem", getattr(self, name))
        (private / "signer_cv.bin").write_bytes(self.signer_certificate)

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Read an authority's folder. Raises OSError, ValueError."""
        private = folder / "private"
        ca, root, next_ca, next_root = x509.load_pem_x509_certificates((folder / "jpki_ca.pem").read_bytes())
        root_key, ca_key, cv_key, signer_key = (read_rsa_key(private / f"{name}.pem") for name in _RSA_KEYS)
        next_root_key, next_ca_key = (_read_next_key(private / f"{name}.pem") for name in _NEXT_KEYS)
        return cls(
            *(root, root_key, ca, ca_key, cv_key, signer_key, (private / "signer_cv.bin").read_bytes()),
            *(next_root, next_root_key, next_ca, next_ca_key),
        )

    def ca_for(self, key: PublicKey) -> x509.Certificate:
        """Who certifies a key of this generation."""
        return self.ca if isinstance(key, RSAPublicKey) else self.next_ca

    def certify(self, key: PublicKey, common_name: str, valid: tuple[datetime, datetime]) -> x509.Certificate:
        """A user-authentication certificate; its subject bears no name, as on real cards."""
        ca = self.ca_for(key)
        ca_key: PrivateKey = self.ca_key if ca is self.ca else self.next_ca_key
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        )
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(_OCSP))
        directory = x509.DistributionPoint([x509.DirectoryName(ca.subject)], None, None, None)
        return (
            _certificate(subject, key, ca.subject, *valid)
            .add_extension(_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
            .add_extension(x509.CRLDistributionPoints([directory]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, _digest(ca_key))
        )


def _chain(root_key: PrivateKey, ca_key: PrivateKey) -> tuple[x509.Certificate, x509.Certificate]:
    """A root and its user-authentication CA."""
    now = datetime.now(UTC)
    root_name, ca_name = _name("Simulated root"), _name("JPKI for user authentication")
    root = _ca(root_name, root_key.public_key(), root_name, now).sign(root_key, _digest(root_key))
    return root, _ca(ca_name, ca_key.public_key(), root_name, now).sign(root_key, _digest(root_key))


def _digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA256() if isinstance(key, RSAPrivateKey) else hashes.SHA384()


def _read_next_key(path: Path) -> EllipticCurvePrivateKey:
    """Raises OSError, ValueError."""
    key = read_key(path)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no P-384 key")
    return key


def _name(unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated JPKI"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Issuer of virtual cards"),
        ]
    )


def _ca(subject: x509.Name, key: PublicKey, issuer: x509.Name, now: datetime) -> x509.CertificateBuilder:
    builder = _certificate(subject, key, issuer, now - _LIFE, now + _LIFE)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.add_extension(_usage(is_ca=True), critical=True)


def _certificate(
    subject: x509.Name, key: PublicKey, issuer: x509.Name, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
