"""X.509 certificates from outside."""

from cryptography import x509

_UNREADABLE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, TypeError)


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate in DER, its names and extensions read.

    Raises ValueError for anything else, be it a version that nobody knows, a name or an extension that is malformed or
    comes twice, or a serial number below zero (RFC 5280 section 4.1.2.2), which no revocation list can be asked about.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        # otherwise read when somebody asks for one, who expects no error any more
        _ = certificate.subject, certificate.issuer, certificate.extensions
    except _UNREADABLE as error:
        raise ValueError("a certificate that cannot be read") from error
    if certificate.serial_number < 0:
        raise ValueError("a certificate whose serial number is negative")
    return certificate
