"""The bridge's own authority: it names this bridge, and issues local identities to the readers paired with it.

FOLDER/ca.key, ca.pem          the authority; its certificate's serialNumber is the bridge's id
FOLDER/bridge.key, bridge.pem  the bridge as TLS client
FOLDER/record.key              the bridge's sealing key: it opens what readers kept for it (X25519, 32 bytes)
FOLDER/denied.pem              readers not served any more (`denylist`)
FOLDER/devices/                readers paired with this bridge (`devices`)
"""

import secrets
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.token.record import new_sealing_key
from host_bridge.certificates import issue, key_pem, name
from host_bridge.denylist import Denylist
from host_bridge.devices import Devices
from host_bridge.durable import make_folder, sync_folder, write_whole

BRIDGE_ID_SIZE: Final = 16
AUTHORITY_LIFE: Final = timedelta(days=3650)
_RESTORE: Final = (
    "フォルダーをバックアップから戻すか、別のフォルダーに新しい鍵を作ってください",
    "restore the folder from a backup, or make a new bridge in another one",
)


class IdentityUnusable(ValueError):
    """The folder holds no bridge's identity; the text says what to do."""


@dataclass(frozen=True)
class BridgeIdentity:
    """The bridge's keys and certificates in their folder."""

    folder: Path
    bridge_id: bytes
    """16 bytes."""
    authority: bytes
    """DER certificate of the authority."""
    record_key: bytes = field(repr=False)
    """Private sealing key, 32 bytes."""
    sealing_key: bytes
    """Public sealing key, 32 bytes."""
    denylist: Denylist
    devices: Devices

    @classmethod
    def load(cls, folder: Path) -> "BridgeIdentity":
        """Raises IdentityUnusable."""
        try:
            authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            names = authority.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
            bridge_id = bytes.fromhex(str(names[0].value))
            record_key = (folder / "record.key").read_bytes()
            sealing_key = X25519PrivateKey.from_private_bytes(record_key).public_key().public_bytes_raw()
        except FileNotFoundError as error:
            if folder.exists():
                raise IdentityUnusable(
                    f"{error.filename}: ありません。{_RESTORE[0]} / missing; {_RESTORE[1]}"
                ) from error
            raise IdentityUnusable(
                f"{folder}: 受付ソフトの鍵がまだありません。kiosk-bridge init --identity {folder} で作ってください"
                " / there is no bridge yet: make one with that command"
            ) from error
        except PermissionError as error:
            raise IdentityUnusable(
                f"{error.filename}: 読めません。受付ソフトを動かす利用者として実行してください"
                f" / cannot be read ({error.strerror}): run this as the user whose bridge it is"
            ) from error
        except OSError as error:
            raise IdentityUnusable(
                f"{error.filename}: 読めません。{_RESTORE[0]} / cannot be read ({error.strerror}); {_RESTORE[1]}"
            ) from error
        except (ValueError, IndexError) as error:
            raise IdentityUnusable(
                f"{folder}: 受付ソフトの鍵や証明書ではありません。{_RESTORE[0]} / no bridge's identity; {_RESTORE[1]}"
            ) from error
        denylist = Denylist(folder / "denied.pem", authority)
        return cls(
            folder,
            bridge_id,
            authority.public_bytes(serialization.Encoding.DER),
            record_key,
            sealing_key,
            denylist,
            Devices(folder / "devices", authority, folder / "ca.key", denylist),
        )

    def tls_context(self) -> ssl.SSLContext:
        """The bridge as TLS 1.3 client; the reader must show a certificate of this authority.

        Raises IdentityUnusable.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a cable has no host name: `Devices.serving` looks at the name instead
        try:
            context.load_cert_chain(self.folder / "bridge.pem", self.folder / "bridge.key")
            context.load_verify_locations(self.folder / "ca.pem")
        except OSError as error:
            raise IdentityUnusable(
                f"{self.folder}: bridge.pem・bridge.key・ca.pem がそろっていないか、合っていません。{_RESTORE[0]}"
                f" / they are not all there, or do not belong together; {_RESTORE[1]}"
            ) from error
        return context


def create_bridge(folder: Path) -> BridgeIdentity:
    """Make a new bridge with an authority of its own. Raises FileExistsError where one is there, OSError.

    The folder is complete when it appears under its name.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder}: 空ではありません。鍵は置き換えません。別のフォルダーにしてください"
            " / not empty: a bridge's identity is never replaced; give another folder"
        )
    make_folder(folder.parent)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    _fill(fresh, secrets.token_bytes(BRIDGE_ID_SIZE).hex(), datetime.now(UTC))
    fresh.replace(folder)
    sync_folder(folder.parent)
    return BridgeIdentity.load(folder)


def _fill(folder: Path, bridge_name: str, now: datetime) -> None:
    until = now + AUTHORITY_LIFE
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = name("Facility authority of the bridge", bridge_name)
    authority = issue(authority_name, authority_key.public_key(), authority_name, authority_key, None, now, until)
    key = ec.generate_private_key(ec.SECP256R1())
    role = ExtendedKeyUsageOID.CLIENT_AUTH
    certificate = issue(name("Bridge", bridge_name), key.public_key(), authority_name, authority_key, role, now, until)
    (folder / "devices").mkdir(mode=0o700)
    write_whole(folder / "ca.key", key_pem(authority_key))
    write_whole(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM))
    write_whole(folder / "bridge.key", key_pem(key))
    write_whole(folder / "bridge.pem", certificate.public_bytes(serialization.Encoding.PEM))
    write_whole(folder / "record.key", new_sealing_key()[0])
    Denylist(folder / "denied.pem", authority).create(authority_key, now)
