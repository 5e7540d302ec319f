"""The readers paired with this bridge, and their local identities (LDevID, IEEE 802.1AR).

    FOLDER/DEVICE.pem       in use
    FOLDER/DEVICE.next.pem  issued, and not seen yet: the first session with it makes it the one in use
    FOLDER/.lock            held by whoever changes something

Each file: when the reader was paired, its LDevID, and its maker's certificate (IDevID).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from firmware.token.certificate import load_certificate
from host_bridge.certificates import device_id_of, is_device_id, issue, name, requested_key
from host_bridge.denylist import Denylist
from host_bridge.durable import sync_folder, write_whole

LOCAL_IDENTITY_LIFE: Final = timedelta(days=30)
_PAIRED: Final = "Paired: "
"""Before the certificates: explanatory text (RFC 7468 section 5.2)."""


class NotServed(Exception):
    """This reader is not served. `reason`: not_paired, denied."""

    def __init__(self, reason: str, device_id: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.device_id = device_id


class UnknownDevice(ValueError):
    """No reader of this name is paired here."""


@dataclass(frozen=True)
class Paired:
    """One local identity as it lies on the disk."""

    local: x509.Certificate
    maker: x509.Certificate
    """The reader's IDevID."""
    since: datetime
    """When the reader was paired; renewals do not change it."""

    @classmethod
    def read(cls, file: Path) -> "Paired | None":
        """None where there is no such file. Raises OSError, ValueError."""
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        local, maker = x509.load_pem_x509_certificates(content)
        first = content.split(b"\n", 1)[0].decode()
        return cls(local, maker, datetime.fromisoformat(first.removeprefix(_PAIRED)))

    def write(self, file: Path) -> None:
        """Raises OSError."""
        certificates = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (self.local, self.maker))
        write_whole(file, f"{_PAIRED}{self.since.isoformat(timespec='seconds')}\n".encode() + certificates)


@dataclass(frozen=True)
class Row:
    """One line of the table of devices."""

    device_id: str
    paired: Paired | None
    """In use, or else issued and not seen yet; None for a denied device that is not paired."""
    seen: bool
    """Whether the reader has ever used it."""
    denied: datetime | None


@dataclass(frozen=True)
class Devices:
    """The folder, with what it takes to issue identities into it."""

    folder: Path
    authority: x509.Certificate
    authority_key: Path
    denylist: Denylist

    def serving(self, certificate: bytes) -> str:
        """The paired device whose local identity (DER) this is; one seen for the first time is in use from now on.

        Raises NotServed, DenylistUnusable, and OSError or ValueError for a folder that cannot be used.
        """
        shown = load_certificate(certificate)
        device_id = device_id_of(shown)
        if device_id is None:
            raise NotServed("not_paired", None)
        if self.denylist.denies(shown):
            raise NotServed("denied", device_id)
        current = Paired.read(self._current(device_id))
        if current is not None and current.local == shown:
            return device_id
        with self._changing():
            following = Paired.read(self._next(device_id))
            if following is None or following.local != shown:
                raise NotServed("not_paired", device_id)
            self._next(device_id).replace(self._current(device_id))
            sync_folder(self.folder)
        return device_id

    def pair(
        self, device_id: str, key: ec.EllipticCurvePublicKey, maker: x509.Certificate, life: timedelta, now: datetime
    ) -> bytes:
        """A local identity (DER) for a reader that has been checked. It replaces one that was never seen.

        Raises NotServed for a denied device, DenylistUnusable, OSError.
        """
        with self._changing():
            if device_id in self.denylist.devices():
                raise NotServed("denied", device_id)
            return self._issue(device_id, key, maker, now, life, now)

    def renew(self, device_id: str, request: bytes, now: datetime, life: timedelta = LOCAL_IDENTITY_LIFE) -> bytes:
        """The next local identity (DER) of a device that is paired.

        Raises RequestMalformed, NotServed, DenylistUnusable, OSError.
        """
        key = requested_key(request, device_id)
        with self._changing():
            current = Paired.read(self._current(device_id))
            if current is None:
                raise NotServed("not_paired", device_id)
            if device_id in self.denylist.devices():
                raise NotServed("denied", device_id)
            return self._issue(device_id, key, current.maker, current.since, life, now)

    def withdraw(self, device_id: str, issued: bytes) -> None:
        """Take back a local identity (DER) that was issued and not seen yet. Raises OSError, ValueError."""
        with self._changing():
            following = Paired.read(self._next(device_id))
            if following is not None and following.local == load_certificate(issued):
                self._next(device_id).unlink()
                sync_folder(self.folder)

    def unpair(self, device_id: str) -> None:
        """Its local identities no longer serve; it may be paired again. Raises UnknownDevice, OSError."""
        with self._changing():
            files = [self._next(device_id), self._current(device_id)]  # in use last: half done is not done
            if not is_device_id(device_id) or not any(file.exists() for file in files):
                raise UnknownDevice(self._unknown(device_id))
            for file in files:
                file.unlink(missing_ok=True)
                sync_folder(self.folder)

    def deny(self, device_id: str, now: datetime) -> bool:
        """Put a device on the denylist, paired or not; returns whether it was. Raises UnknownDevice,
        DenylistUnusable, OSError."""
        if not is_device_id(device_id):
            raise UnknownDevice(
                f"{device_id}: リーダーの名前ではありません（英数字と - のみ）"
                " / no reader can have this name; letters, digits and - are allowed"
            )
        with self._changing():
            known = [Paired.read(file(device_id)) for file in (self._current, self._next)]
            serials = [one.local.serial_number for one in known if one is not None]
            self.denylist.add(device_id, serials, self._key(), now)
        return bool(serials)

    def table(self) -> list[Row]:
        """Every device that is paired or denied, by name. Raises DenylistUnusable, OSError, ValueError."""
        denied = self.denylist.devices()
        paired = {file.name.removesuffix(".pem").removesuffix(".next") for file in self.folder.glob("*.pem")}
        rows = []
        for device_id in sorted(paired | denied.keys()):
            current = Paired.read(self._current(device_id))
            identity = current or Paired.read(self._next(device_id))
            rows.append(Row(device_id, identity, current is not None, denied.get(device_id)))
        return rows

    def _issue(
        self,
        device_id: str,
        key: ec.EllipticCurvePublicKey,
        maker: x509.Certificate,
        since: datetime,
        life: timedelta,
        now: datetime,
    ) -> bytes:
        until = min(now + life, self.authority.not_valid_after_utc)
        subject = name("Face card reader", device_id)
        role = ExtendedKeyUsageOID.SERVER_AUTH
        local = issue(subject, key, self.authority.subject, self._key(), role, now, until)
        Paired(local, maker, since).write(self._next(device_id))
        return local.public_bytes(serialization.Encoding.DER)

    def _current(self, device_id: str) -> Path:
        return self.folder / f"{device_id}.pem"

    def _next(self, device_id: str) -> Path:
        return self.folder / f"{device_id}.next.pem"

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(self.authority_key.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # OpenSSL's own words help nobody
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(
                f"{self.authority_key}: 鍵が壊れています。バックアップから戻してください"
                " / no key of a bridge's authority: restore it from a backup"
            )
        return key

    def _unknown(self, device_id: str) -> str:
        paired = ", ".join(row.device_id for row in self.table() if row.paired) or "なし / none"
        return (
            f"{device_id}: この受付ソフトに登録されていません / not paired with this bridge;"
            f" 登録済み / paired: {paired}"
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time, over all programs."""
        with (self.folder / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
