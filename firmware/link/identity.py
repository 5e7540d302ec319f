"""What a reader takes as its local identity (LDevID, IEEE 802.1AR), and how long it lasts."""

import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.token.certificate import load_certificate

_BRIDGE = re.compile(r"[0-9a-f]{32}")
"""A bridge's id, as certificates name it."""


class IdentityRefused(Exception):
    """What was issued is no identity for this reader."""


def check_authority(authority: bytes) -> str:
    """The bridge that the certificate (DER) of its authority names. Raises IdentityRefused."""
    try:
        certificate = load_certificate(authority)
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise IdentityRefused("the terminal's authority is none") from error
    name = serial_number(certificate)
    if not constraints.ca or not _BRIDGE.fullmatch(name):
        raise IdentityRefused("the terminal's authority is none")
    return name


def check_issued(certificate: bytes, authority: bytes, request: bytes) -> None:
    """That `authority` issued the certificate to the key and the name of `request` (PKCS #10), to serve TLS; all DER.

    Raises IdentityRefused.
    """
    asked = x509.load_der_x509_csr(request)
    try:
        issued = load_certificate(certificate)
        issued.verify_directly_issued_by(load_certificate(authority))
        uses = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        key = issued.public_key()
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise IdentityRefused("what the terminal issued is not of its authority") from error
    if key != asked.public_key():
        raise IdentityRefused("the terminal issued it to another key")
    if serial_number(issued) != serial_number(asked):
        raise IdentityRefused("the terminal issued it to another reader")
    if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise IdentityRefused("the terminal issued it for another use")


def renew_from(certificate: bytes) -> int:
    """When two thirds of its life are over, seconds since 1970 UTC."""
    issued = load_certificate(certificate)
    begin, end = issued.not_valid_before_utc.timestamp(), issued.not_valid_after_utc.timestamp()
    return int(end - (end - begin) / 3)


def serial_number(named: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Whom the subject's serialNumber names, or "" where it names nobody."""
    names = named.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(names[0].value) if names else ""
