"""An issued card as a folder.

card.json        kind, PIN, number B, hash of the certificate's serial number: what its holder and a test know; manner
auth_cert.der    user-authentication certificate        auth_ca.der  its issuer's
auth_key.pem     its key                                card_key.pem the key on the card's face
surface.bin      EF 0002                                basic.bin    EF 0003
issuer_cv.bin    EF 0004                                counters.json tries left, written by the card itself
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

COUNTERS = "counters.json"

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey


class Kind(StrEnum):
    """What answers on the tray."""

    MY_NUMBER_CARD = "my_number_card"
    OTHER = "other"
    """A card of another issuer: it has none of the applications."""
    DAMAGED = "damaged"
    """A My Number Card whose memory fails where the authentication certificate is."""


@dataclass(frozen=True)
class Manner:
    """How a card behaves where cards differ, or nobody has published what they do."""

    no_pin: int | None = None
    """A card without a PIN (顔認証マイナンバーカード) answers every VERIFY of it with this status word."""
    kbit_s: int | None = None
    """Rate of its radio; None: whatever the tray is served with."""
    sign_ms: float = 0.0
    """What a signature takes it, besides the radio."""
    lift_after_bytes: int | None = None
    """It slips away instead of giving the answer that completes so many bytes of data."""


@dataclass(frozen=True)
class CardData:
    """Everything a card of a virtual person is made of."""

    kind: Kind
    pin: str = field(repr=False)
    number_b: str = field(repr=False)
    """照合番号B, 14 digits."""
    authentication_certificate: bytes
    """DER."""
    authentication_ca: bytes
    """DER."""
    authentication_key: PrivateKey
    """RSA-2048, or P-384 on a card of the next generation."""
    card_key: RSAPrivateKey
    surface: bytes
    """EF 0002 of 券面事項確認AP."""
    basic: bytes
    """EF 0003."""
    issuer_certificate: bytes
    """EF 0004."""
    manner: Manner = Manner()

    def save(self, folder: Path) -> None:
        """Write a card folder; it must not exist."""
        folder.mkdir(parents=True)
        serial = x509.load_der_x509_certificate(self.authentication_certificate).serial_number
        holder = {
            "kind": self.kind,
            "pin": self.pin,
            "number_b": self.number_b,
            "serial_sha256": sha256(f"{serial:x}".encode()).hexdigest(),
            "manner": asdict(self.manner),
        }
        (folder / "card.json").write_text(json.dumps(holder, indent=2) + "\n", "utf-8")
        (folder / "auth_cert.der").write_bytes(self.authentication_certificate)
        (folder / "auth_ca.der").write_bytes(self.authentication_ca)
        write_key(folder / "auth_key.pem", self.authentication_key)
        write_key(folder / "card_key.pem", self.card_key)
        (folder / "surface.bin").write_bytes(self.surface)
        (folder / "basic.bin").write_bytes(self.basic)
        (folder / "issuer_cv.bin").write_bytes(self.issuer_certificate)

    @classmethod
    def load(cls, folder: Path) -> "CardData":
        """Read a card folder. Raises OSError, ValueError, KeyError for anything else."""
        holder = json.loads((folder / "card.json").read_text("utf-8"))
        return cls(
            Kind(holder["kind"]),
            holder["pin"],
            holder["number_b"],
            (folder / "auth_cert.der").read_bytes(),
            (folder / "auth_ca.der").read_bytes(),
            read_key(folder / "auth_key.pem"),
            read_rsa_key(folder / "card_key.pem"),
            (folder / "surface.bin").read_bytes(),
            (folder / "basic.bin").read_bytes(),
            (folder / "issuer_cv.bin").read_bytes(),
            Manner(**holder["manner"]),
        )


def write_key(path: Path, key: PrivateKey) -> None:
    """PEM, PKCS #8, readable by its owner alone."""
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_key(path: Path) -> PrivateKey:
    """Raises OSError, ValueError."""
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no key that a card has")
    return key


def read_rsa_key(path: Path) -> RSAPrivateKey:
    """Raises OSError, ValueError."""
    key = read_key(path)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return key
