"""A simulated factory: it makes a reader's maker identity, in files.

    FOLDER/maker_root.pem      the maker's root, for the host that pairs with this reader
    FOLDER/maker_revoked.pem   the maker's list of readers that were stolen or lost (CRL, RFC 5280), for that host too
    FOLDER/idevid/             key.pem, chain.pem: the maker's identity (IDevID, IEEE 802.1AR)

A simulation: on a real reader the private key lives in a TPM and never in a file.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""An IDevID does not expire (IEEE 802.1AR-2018 section 8.7, with RFC 5280 section 4.1.2.5)."""


_MADE = datetime(2020, 1, 1, tzinfo=UTC)


def make_device(folder: Path, serial: str, *, revoked: bool = False) -> None:
    """Make a reader as its factory would: an IDevID naming `serial`, under a maker's root made for this one
    reader, whose private key is thrown away. `revoked`: the maker's list names it."""
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
    listed = _revocation_list(root_name, root_key, [idevid] if revoked else [])
    _write(folder / "maker_revoked.pem", listed.public_bytes(serialization.Encoding.PEM))


def _revocation_list(
    issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey, revoked: Sequence[x509.Certificate]
) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    builder = builder.last_update(_MADE).next_update(_NO_EXPIRY)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    for certificate in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(_MADE)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer_key, hashes.SHA256())


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
        .not_valid_before(_MADE)
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
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(data)
