"""Whom the reader talks to: the one bridge it was paired with, over TLS 1.3 with certificates on both sides.

Each bridge has an authority of its own, and the authority's certificate names the bridge: that is the anchor the
reader received at pairing.
"""

import ssl

from board.contracts import LocalIdentity
from firmware.link.identity import serial_number
from firmware.token.certificate import load_certificate

_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it."""


def server_context(identity: LocalIdentity) -> ssl.SSLContext:
    """The reader as TLS server with its local identity; the host must show a certificate of the same authority.

    Dates in the host's certificate are not looked at: the reader has no clock, the host's time is all it has.
    """
    key, chain, issuer = identity.tls_files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # a reader that resumed a session would not see the certificate again
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    context.load_cert_chain(chain, key)
    context.load_verify_locations(issuer)
    return context


def paired_bridge(identity: LocalIdentity) -> str:
    """Name of the bridge that issued a local identity."""
    return serial_number(load_certificate(identity.chain()[-1]))


def bridge_named_in(certificate: bytes) -> str:
    """Name of the bridge whose certificate (DER) this is, or "" where it names none."""
    return serial_number(load_certificate(certificate))
