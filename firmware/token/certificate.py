"""X.509 certificates from outside."""

from cryptography import x509


def load_certificate(der: bytes) -> x509.Certificate:
    """A certificate in DER. Raises ValueError for anything else, a version that nobody knows included."""
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError("no version of X.509") from error
