"""The facility's denylist: readers that are not served any more, whatever certificate they show.

One file, an X.509 CRL (RFC 5280 section 5) signed by the facility's authority. Each entry names one local identity
(LDevID), and in an extension of this project's own the device that it belonged to; a device that had none when it
was denied gets an entry with a number that belongs to no certificate. The file is read anew at every question.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from host_bridge.certificates import device_id_of
from host_bridge.durable import write_whole

_DEVICE: Final = x509.ObjectIdentifier("2.25.212640361508137498129873540298613725514")
"""An arc that needs no registration (ITU-T X.667). Value: the device's name, UTF-8."""
_RESTORE: Final = ("バックアップから戻してください", "restore it from a backup")


class DenylistUnusable(Exception):
    """The denylist is missing or not the authority's: nobody can be served. The text says what to do."""


@dataclass(frozen=True)
class Denylist:
    """The list in its file."""

    file: Path
    authority: x509.Certificate

    def devices(self) -> dict[str, datetime]:
        """Device -> since when it is denied. Raises DenylistUnusable."""
        denied: dict[str, datetime] = {}
        for entry in self._load():
            device = _device(entry)
            since = entry.revocation_date_utc
            denied[device] = min(since, denied.get(device, since))
        return denied

    def denies(self, certificate: x509.Certificate) -> bool:
        """Whether the reader with this local identity is denied. Raises DenylistUnusable."""
        listed = self._load()
        if listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            return True
        device = device_id_of(certificate)
        return any(_device(entry) == device for entry in listed)

    def create(self, key: ec.EllipticCurvePrivateKey, now: datetime) -> None:
        """An empty list. Raises OSError."""
        self._write((), key, now)

    def add(self, device_id: str, serials: Iterable[int], key: ec.EllipticCurvePrivateKey, now: datetime) -> None:
        """Deny a device and its local identities, once and for all. Raises DenylistUnusable, OSError."""
        known = list(self._load())
        listed = {entry.serial_number for entry in known}
        fresh = [serial for serial in serials if serial not in listed]
        if not fresh and all(_device(entry) != device_id for entry in known):
            fresh = [x509.random_serial_number()]
        device = x509.UnrecognizedExtension(_DEVICE, device_id.encode())
        entries = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(now)
            .add_extension(device, critical=False)
            .build()
            for serial in fresh
        )
        self._write((*known, *entries), key, now)

    def _load(self) -> x509.CertificateRevocationList:
        try:
            listed = x509.load_pem_x509_crl(self.file.read_bytes())
            key = self.authority.public_key()
            ours = isinstance(key, ec.EllipticCurvePublicKey) and listed.is_signature_valid(key)
        except OSError as error:
            raise DenylistUnusable(
                f"{self.file}: 拒否リストを読めません。{_RESTORE[0]}"
                f" / {error.strerror}; no reader is served without it; {_RESTORE[1]}"
            ) from error
        except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
            raise DenylistUnusable(
                f"{self.file}: 拒否リストではありません。{_RESTORE[0]}"
                f" / no certificate revocation list; no reader is served; {_RESTORE[1]}"
            ) from error
        if not ours or listed.issuer != self.authority.subject:
            raise DenylistUnusable(
                f"{self.file}: この受付ソフトの署名ではありません。{_RESTORE[0]}"
                f" / not signed by this bridge's authority; no reader is served; {_RESTORE[1]}"
            )
        return listed

    def _write(
        self, entries: Iterable[x509.RevokedCertificate], key: ec.EllipticCurvePrivateKey, now: datetime
    ) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.authority.subject)
            .last_update(now)
            .next_update(self.authority.not_valid_after_utc)  # written anew at every change, else it stays
        )
        for entry in entries:
            builder = builder.add_revoked_certificate(entry)
        write_whole(self.file, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _device(entry: x509.RevokedCertificate) -> str:
    """Raises DenylistUnusable: an entry of the authority always names its device."""
    try:
        extension = entry.extensions.get_extension_for_oid(_DEVICE).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise DenylistUnusable("an entry names no device; no reader is served") from error
    return extension.value.decode() if isinstance(extension, x509.UnrecognizedExtension) else ""
