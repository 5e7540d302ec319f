"""A reader's keys in files. Implements KeyStore for a reader without a TPM, where no private key is ever in a file.

FOLDER/idevid/  key.pem, chain.pem: the maker's identity (IDevID, IEEE 802.1AR)
FOLDER/ldevid   link to the local identity in use: there once the reader is paired
FOLDER/NAME/    key.pem, chain.pem, issuer.pem: a local identity (LDevID)
FOLDER/next/    key.pem: asked for, not issued yet
"""

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from firmware.wire.enrolment import SIGNATURE_SIZE


class FileIdentity:
    """A local identity in the files of a folder. Implements LocalIdentity. Raises OSError, ValueError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _load_key(folder / "key.pem")
        self._chain = _load_chain(folder / "chain.pem")

    def sign(self, message: bytes) -> bytes:
        """ES256 over `message`: 64 bytes, r then s."""
        return es256(self._key, message)

    def chain(self) -> Sequence[bytes]:
        """DER certificates, LDevID first, then its issuer."""
        return self._chain

    def tls_files(self) -> tuple[Path, Path, Path]:
        """PEM files: private key, chain, and the issuer that host certificates must come from."""
        return self._folder / "key.pem", self._folder / "chain.pem", self._folder / "issuer.pem"


class FileKeyStore:
    """KeyStore in a folder. Raises OSError, ValueError where the maker's identity or the local one is damaged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._link = folder / "ldevid"
        self._next = folder / "next"
        self._maker_key = _load_key(folder / "idevid" / "key.pem")
        self._maker_chain = _load_chain(folder / "idevid" / "chain.pem")
        self._serial = _serial_number(self._maker_chain[0])
        self.device_id = str(self._serial.value)
        self._local = FileIdentity(self._link.resolve()) if os.path.lexists(self._link) else None

    def maker_chain(self) -> Sequence[bytes]:
        """DER certificates, IDevID first."""
        return self._maker_chain

    def maker_sign(self, message: bytes) -> bytes:
        """ES256 by the maker's key."""
        return es256(self._maker_key, message)

    def request(self) -> bytes:
        """Make the next local key, in place of one that was made and not used; its PKCS #10, DER."""
        key = ec.generate_private_key(ec.SECP256R1())
        shutil.rmtree(self._next, ignore_errors=True)
        self._next.mkdir(mode=0o700)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_private(self._next / "key.pem", pem)
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([self._serial]))
        return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def install(self, certificate: bytes, issuer: bytes) -> None:
        """Take it into use. A crash leaves the identity before or this one. Raises OSError, ValueError."""
        chain = [x509.load_der_x509_certificate(one) for one in (certificate, issuer)]
        if not self._next.exists() or chain[0].public_key() != _load_key(self._next / "key.pem").public_key():
            raise ValueError("issued to another key")
        pems = [one.public_bytes(serialization.Encoding.PEM) for one in chain]
        _write_private(self._next / "chain.pem", b"".join(pems))
        _write_private(self._next / "issuer.pem", pems[1])
        _sync(self._next)
        used = self._folder / f"ldevid-{secrets.token_hex(4)}"
        self._next.rename(used)
        self._point_to(used)
        self._local = FileIdentity(used)
        self._sweep(used)

    def local(self) -> FileIdentity | None:
        """The local identity in use."""
        return self._local

    def forget(self) -> None:
        """Erase the local identity. Raises OSError."""
        self._link.unlink(missing_ok=True)
        _sync(self._folder)
        self._local = None
        self._sweep(None)

    def _point_to(self, folder: Path) -> None:
        fresh = self._folder / "ldevid.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder.name)
        fresh.replace(self._link)
        _sync(self._folder)

    def _sweep(self, used: Path | None) -> None:
        """Erase local identities that are in use no more, and a key that never was."""
        for folder in (self._next, *self._folder.glob("ldevid-*")):
            if folder != used:
                shutil.rmtree(folder, ignore_errors=True)


def es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ES256 over `message`: 64 bytes, r then s."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(SIGNATURE_SIZE // 2, "big") + s.to_bytes(SIGNATURE_SIZE // 2, "big")


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is no elliptic-curve key")
    return key


def _load_chain(path: Path) -> list[bytes]:
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    return [certificate.public_bytes(serialization.Encoding.DER) for certificate in chain]


def _serial_number(certificate: bytes) -> x509.NameAttribute[str | bytes]:
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    if not names:
        raise ValueError("the maker's certificate names no device")
    return names[0]


def _write_private(path: Path, data: bytes) -> None:
    """A file that only its owner may read, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """What a folder lists is on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
