"""X.509 as the bridge's authority uses it: whom a certificate names, who signed it, and new ones."""

import re
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BACKDATED: Final = timedelta(days=1)
"""What is issued is valid from so long ago: a terminal's clock that was hours ahead, by a time zone say, and is set
right must not shut out the reader that was issued an identity meanwhile."""
_DEVICE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


class RequestMalformed(ValueError):
    """No certificate request that can be granted; the text says why."""


def device_id_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str | None:
    """The device that a certificate or request names, believed or not; None where that is no device's name."""
    names = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    name = str(names[0].value) if len(names) == 1 else ""
    return name if is_device_id(name) else None


def is_device_id(text: str) -> bool:
    """Whether this can be a device's name: it becomes a file's name."""
    return _DEVICE_ID.fullmatch(text) is not None


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate, below: int = 0) -> bool:
    """Whether `issuer` signed `certificate` and may: an authority, with at most `below` others under it
    (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    longest = constraints.path_length
    return constraints.ca and usage.key_cert_sign and (longest is None or below <= longest)


def requested_key(request: bytes, device_id: str) -> ec.EllipticCurvePublicKey:
    """The key that a PKCS#10 request (RFC 2986, DER) asks a local identity for. Raises RequestMalformed."""
    try:
        csr = x509.load_der_x509_csr(request)
        key = csr.public_key()
        named = device_id_of(csr)
        held = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise RequestMalformed("no certificate request") from error
    if named != device_id:
        raise RequestMalformed("asks for another device's name")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestMalformed("the key is not on P-256")
    if not held:
        raise RequestMalformed("not signed by the key that it asks for")
    return key


def organization(subject: x509.Name) -> str:
    """Who a name belongs to, for people."""
    names = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(names[0].value) if names else subject.rfc4514_string()


def name(what: str, number: str) -> x509.Name:
    """A subject: what it is for people, and the number that counts."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, what), x509.NameAttribute(NameOID.SERIAL_NUMBER, number)])


def issue(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    role: x509.ObjectIdentifier | None,
    since: datetime,
    until: datetime,
) -> x509.Certificate:
    """A certificate for one TLS role, or for an authority where `role` is None."""
    is_authority = role is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(_key_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if role is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([role]), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _key_usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
