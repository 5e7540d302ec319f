"""A local identity (LDevID, IEEE 802.1AR) in files.

    FOLDER/ldevid/  key.pem, chain.pem, issuer.pem: there once the reader is paired

For a reader without a TPM: on a real one the private key lives in a TPM and never in a file.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from firmware.wire.enrolment import SIGNATURE_SIZE


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
    return r.to_bytes(SIGNATURE_SIZE // 2, "big") + s.to_bytes(SIGNATURE_SIZE // 2, "big")


def write_private(path: Path, data: bytes) -> None:
    """A file that only its owner may read, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
