"""X.509 certificates from outside."""

from cryptography import x509

_UNREADABLE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate in DER, its extensions read. Raises ValueError for anything else, a version that nobody knows
    and an extension that is malformed or comes twice included."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions  # otherwise read when somebody asks for one, who expects no error any more
    except _UNREADABLE as error:
        raise ValueError("a certificate that cannot be read") from error
    return certificate
