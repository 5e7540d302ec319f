"""A reader's keys in files, and a simulated factory that makes them.

A simulation: on a real reader both private keys live in a TPM and never in a file.

    FOLDER/maker_root.pem   the maker's root, for the host that pairs with this reader
    FOLDER/idevid/          key.pem, chain.pem: the maker's identity (IDevID, IEEE 802.1AR)
    FOLDER/ldevid/          key.pem, chain.pem, issuer.pem: the local identity (LDevID), there once paired
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

_NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""An IDevID does not expire (IEEE 802.1AR-2018 section 8.7, with RFC 5280 section 4.1.2.5)."""
_HALF = 32


class NotPaired(Exception):
    """This reader has no local identity yet: it must be paired with a terminal first."""


class FileKeyStore:
    """The local identity from FOLDER/ldevid. Implements KeyStore. Raises NotPaired."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "ldevid"
        if not self._folder.is_dir():
            raise NotPaired(f"{folder} holds no local identity")
        key = serialization.load_pem_private_key((self._folder / "key.pem").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NotPaired(f"{self._folder / 'key.pem'} is no elliptic-curve key")
        self._key = key
        self._chain = x509.load_pem_x509_certificates((self._folder / "chain.pem").read_bytes())
        names = self._chain[0].subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        self.device_id = str(names[0].value)

    def sign(self, message: bytes) -> bytes:
        """ES256 over `message`: 64 bytes, r then s (RFC 9053 section 2.1)."""
        return es256(self._key, message)

    def chain(self) -> Sequence[bytes]:
        """DER certificates, LDevID first, then its issuer."""
        return [certificate.public_bytes(serialization.Encoding.DER) for certificate in self._chain]

    def tls_files(self) -> tuple[Path, Path, Path]:
        """PEM files for TLS: private key, chain, and the issuer that host certificates must come from."""
        return self._folder / "key.pem", self._folder / "chain.pem", self._folder / "issuer.pem"


def es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ES256 over `message`: 64 bytes, r then s."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def make_device(folder: Path, serial: str) -> None:
    """Make a reader as its factory would: an IDevID naming `serial`, under a maker's root made for this one
    reader, whose private key is thrown away."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated maker"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Simulated maker root for {serial}"),
        ]
    )
    root = _certificate(root_name, root_key.public_key(), root_name, root_key, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated maker"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, serial),
        ]
    )
    idevid = _certificate(name, key.public_key(), root_name, root_key, is_authority=False)
    (folder / "idevid").mkdir(mode=0o700, parents=True)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(folder / "idevid" / "key.pem", pem)
    _write(folder / "idevid" / "chain.pem", _pem(idevid) + _pem(root))
    _write(folder / "maker_root.pem", _pem(root))


def _certificate(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    usage = {
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(_NO_EXPIRY)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, data: bytes) -> None:
    """A new file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
