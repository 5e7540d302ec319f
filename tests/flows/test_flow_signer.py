"""The signer: a counter that never repeats, and a chain of tokens that a loss would break."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.flows.signer import Device, Signing, TokenSigner
from firmware.link.keys import es256
from firmware.token.claims import FIRST, Claims, DebugStatus, Method
from firmware.token.cose import verify_token

BRIDGE, NONCE = b"b" * 16, b"n" * 32


@dataclass
class Keys:
    """KeyStore with a key of its own."""

    device_id: str = "T-1"
    before_signing: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, self.device_id)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        self.certificate = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def sign(self, message: bytes) -> bytes:
        self.before_signing()
        return es256(self.key, message)

    def chain(self) -> list[bytes]:
        return [self.certificate]

    def tls_files(self) -> tuple[Path, Path, Path]:
        raise NotImplementedError


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def signer(keys: Keys, tmp_path: Path) -> Callable[[], TokenSigner]:
    """Call it to start the reader, again with the same state."""
    device = Device(b"m" * 16, b"model", demo=True, firmware=b"f" * 32, face_model=b"g" * 32)
    return lambda: TokenSigner(keys, device, tmp_path / "counter.json")


def visit(keys: Keys, number: int) -> Signing:
    return Signing(
        cti=number.to_bytes(16, "big"),
        bridge_id=BRIDGE,
        nonce=NONCE,
        facility_key=b"k" * 32,
        issued_at=1_800_000_000,
        certificate=keys.certificate,
        method=Method.PIN,
        consents={1: True},
        policy_date=date(2026, 11, 23),
        evidence=b"evidence",
    )


def claims_of(token: bytes, keys: Keys) -> Claims:
    return verify_token(token, BRIDGE, NONCE, keys.certificate)


def test_counter_and_previous_token_go_on_after_a_restart(keys: Keys, signer: Callable[[], TokenSigner]) -> None:
    first = signer().sign(visit(keys, 1))
    second = signer().sign(visit(keys, 2))
    assert (claims_of(first, keys).counter, claims_of(first, keys).previous) == (1, FIRST)
    assert claims_of(second, keys).counter == 2
    assert claims_of(second, keys).previous == hashlib.sha256(first).digest()


def test_the_token_says_what_the_reader_is_and_names_the_evidence(
    keys: Keys, signer: Callable[[], TokenSigner]
) -> None:
    claims = claims_of(signer().sign(visit(keys, 1)), keys)
    assert (claims.debug, claims.method, dict(claims.consents)) == (DebugStatus.ENABLED, Method.PIN, {1: True})
    assert claims.evidence == hashlib.sha256(b"evidence").digest()
    assert (claims.firmware, claims.face_model, claims.hwmodel) == (b"f" * 32, b"g" * 32, b"model")


def test_a_counter_that_cannot_be_kept_signs_nothing(
    keys: Keys, signer: Callable[[], TokenSigner], tmp_path: Path
) -> None:
    reader = signer()
    (tmp_path / "counter.new").mkdir()  # no file can be written there
    with pytest.raises(OSError):
        reader.sign(visit(keys, 1))
    (tmp_path / "counter.new").rmdir()
    assert claims_of(reader.sign(visit(keys, 1)), keys).counter == 1


def test_a_damaged_counter_stops_the_reader_instead_of_counting_anew(
    signer: Callable[[], TokenSigner], tmp_path: Path
) -> None:
    (tmp_path / "counter.json").write_text("{")
    with pytest.raises(ValueError):
        signer()


def test_the_counter_is_on_disk_before_the_token_exists(
    keys: Keys, signer: Callable[[], TokenSigner], tmp_path: Path
) -> None:
    seen: list[int] = []
    keys.before_signing = lambda: seen.append(json.loads((tmp_path / "counter.json").read_text())["counter"])
    signer().sign(visit(keys, 1))
    assert seen == [1]
