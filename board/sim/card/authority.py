"""Who issues virtual cards: an X.509 hierarchy like that of 公的個人認証, and the CV authority of the card's face.

FOLDER/jpki_ca.pem   user-authentication CA, then its root: what a verifier trusts
FOLDER/cv_ca.json    {"issuer", "modulus", "exponent"} of the CV authority: what a verifier trusts
FOLDER/private/      the keys, for issuing more cards later
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from board.sim.card.data import read_key, write_key
from board.sim.card.surface import cv_certificate

CV_ISSUER = b"SIMULATED CV CA."
CV_SIGNER = b"SIMULATED CITY.."
_OCSP = "http://ocsp.invalid/"
_LIFE = timedelta(days=3653)


def new_key() -> RSAPrivateKey:
    """RSA-2048, as on the card."""
    return rsa.generate_private_key(65537, 2048)


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

    @classmethod
    def create(cls) -> "Authority":
        """A new one, with keys of its own: no card of another authority passes."""
        root_key, ca_key, cv_key, signer_key = (new_key() for _ in range(4))
        now = datetime.now(UTC)
        root_name, ca_name = _name("Simulated root"), _name("JPKI for user authentication")
        root = _ca(root_name, root_key.public_key(), root_name, now).sign(root_key, hashes.SHA256())
        ca = _ca(ca_name, ca_key.public_key(), root_name, now).sign(root_key, hashes.SHA256())
        certificate = cv_certificate(CV_ISSUER, cv_key, CV_SIGNER, signer_key.public_key())
        return cls(root, root_key, ca, ca_key, cv_key, signer_key, certificate)

    def save(self, folder: Path) -> None:
        """Write the authority's folder; it must not exist."""
        private = folder / "private"
        private.mkdir(mode=0o700, parents=True)
        chain = self.ca.public_bytes(Encoding.PEM) + self.root.public_bytes(Encoding.PEM)
        (folder / "jpki_ca.pem").write_bytes(chain)
        numbers = self.cv_key.public_key().public_numbers()
        anchor = {"issuer": CV_ISSUER.hex(), "modulus": f"{numbers.n:x}", "exponent": numbers.e}
        (folder / "cv_ca.json").write_text(json.dumps(anchor, indent=2) + "\n", "utf-8")
        for name in ("root_key", "ca_key", "cv_key", "signer_key"):
            write_key(private / f"{name}.pem", getattr(self, name))
        (private / "signer_cv.bin").write_bytes(self.signer_certificate)

    @classmethod
    def load(cls, folder: Path) -> "Authority":
        """Read an authority's folder. Raises OSError, ValueError."""
        private = folder / "private"
        ca, root = x509.load_pem_x509_certificates((folder / "jpki_ca.pem").read_bytes())
        keys = (read_key(private / f"{name}.pem") for name in ("root_key", "ca_key", "cv_key", "signer_key"))
        root_key, ca_key, cv_key, signer_key = keys
        return cls(root, root_key, ca, ca_key, cv_key, signer_key, (private / "signer_cv.bin").read_bytes())

    def certify(self, key: RSAPublicKey, common_name: str, valid: tuple[datetime, datetime]) -> x509.Certificate:
        """A user-authentication certificate; its subject bears no name, as on real cards."""
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        )
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(_OCSP))
        directory = x509.DistributionPoint([x509.DirectoryName(self.ca.subject)], None, None, None)
        return (
            _certificate(subject, key, self.ca.subject, *valid)
            .add_extension(_usage(is_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
            .add_extension(x509.CRLDistributionPoints([directory]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()), critical=False)
            .sign(self.ca_key, hashes.SHA256())
        )


def _name(unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated JPKI"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Issuer of virtual cards"),
        ]
    )


def _ca(subject: x509.Name, key: RSAPublicKey, issuer: x509.Name, now: datetime) -> x509.CertificateBuilder:
    builder = _certificate(subject, key, issuer, now - _LIFE, now + _LIFE)
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.add_extension(_usage(is_ca=True), critical=True)


def _certificate(
    subject: x509.Name, key: RSAPublicKey, issuer: x509.Name, begin: datetime, end: datetime
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
