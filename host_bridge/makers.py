"""Whose readers may be paired here: the makers' roots, and the makers' own lists of readers they have revoked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from firmware.token.certificate import load_certificate
from host_bridge.certificates import device_id_of, issued_by
from host_bridge.pairing_refused import PairingRefused, Why

_CRL: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


@dataclass(frozen=True)
class Makers:
    """The files that a technician has received from the makers."""

    roots_file: Path
    """PEM certificates."""
    revoked_file: Path
    """PEM certificate revocation lists, one of each authority in a reader's chain."""

    def identify(self, chain: Sequence[bytes], now: datetime) -> tuple[str, x509.Certificate]:
        """The device that a maker's chain (DER, IDevID first) names, and its IDevID.

        An IDevID does not expire (IEEE 802.1AR), so what a maker revokes is all there is to go by: without a valid
        list of every authority in the chain, no reader is taken. Raises PairingRefused, OSError.
        """
        try:
            certificates = [load_certificate(one) for one in chain]
        except ValueError as error:
            raise PairingRefused(Why.MALFORMED) from error
        links = self._links(certificates)
        if not all(issued_by(certificate, issuer, below) for below, (certificate, issuer) in enumerate(links)):
            raise PairingRefused(Why.MAKER_CHAIN)
        for certificate, issuer in links:
            self._check_revocation(certificate, issuer, now)
        device_id = device_id_of(certificates[0])
        if device_id is None:
            raise PairingRefused(Why.NAMELESS)
        return device_id, certificates[0]

    def _links(self, chain: Sequence[x509.Certificate]) -> list[tuple[x509.Certificate, x509.Certificate]]:
        """Each certificate with its issuer, up to a root; at least one."""
        roots = self._roots()
        links = list(pairwise(chain))
        if chain[-1] not in roots:
            root = next((root for root in roots if issued_by(chain[-1], root, len(links))), None)
            if root is None:
                raise PairingRefused(Why.MAKER_UNKNOWN, file=self.roots_file)
            links.append((chain[-1], root))
        if not links:
            raise PairingRefused(Why.MAKER_CHAIN)
        return links

    def _roots(self) -> Sequence[x509.Certificate]:
        """Raises OSError, ValueError."""
        try:
            return x509.load_pem_x509_certificates(self.roots_file.read_bytes())
        except (OSError, ValueError) as error:
            raise PairingRefused(Why.ROOTS_UNUSABLE, file=self.roots_file) from error

    def _check_revocation(self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
        named = [one for one in self._lists() if one.issuer == issuer.subject]
        if not named:
            raise PairingRefused(Why.LIST_MISSING, file=self.revoked_file, maker=issuer.subject.rfc4514_string())
        signed = [one for one in named if _signed(one, issuer)]
        if not signed:
            raise PairingRefused(Why.LIST_FORGED, file=self.revoked_file, maker=issuer.subject.rfc4514_string())
        newest = max(signed, key=lambda one: one.last_update_utc)
        if newest.next_update_utc is None or newest.next_update_utc <= now:
            raise PairingRefused(Why.LIST_EXPIRED, file=self.revoked_file, maker=issuer.subject.rfc4514_string())
        if newest.last_update_utc > now:
            raise PairingRefused(Why.CLOCK, now=now.isoformat(timespec="minutes"))
        if newest.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise PairingRefused(Why.REVOKED_BY_MAKER)

    def _lists(self) -> list[x509.CertificateRevocationList]:
        try:
            return [x509.load_pem_x509_crl(pem) for pem in _CRL.findall(self.revoked_file.read_bytes())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise PairingRefused(Why.LIST_UNUSABLE, file=self.revoked_file) from error


def _signed(listed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether this is the issuer's full list. One with a critical extension is a part of it, or something unknown
    (RFC 5280 section 5.2)."""
    try:
        may = issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
        whole = not any(extension.critical for extension in listed.extensions)
        return may and whole and listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
