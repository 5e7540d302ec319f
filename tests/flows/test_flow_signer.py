"""The signer: a counter that never repeats, and a chain of tokens that a loss would break."""

import hashlib
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from firmware.flows.signer import Device, Signing, TokenSigner
from firmware.link.journal import Journal, JournalUnavailable
from firmware.link.keys import es256
from firmware.token.claims import FIRST, Claims, DebugStatus, Method
from firmware.token.cose import verify_token
from firmware.token.record import new_sealing_key, open_record

BRIDGE, NONCE = b"b" * 16, b"n" * 32
PRIVATE, PUBLIC = new_sealing_key()
DEVICE = Device(b"m" * 16, b"model", demo=True, firmware=b"f" * 32, face_model=b"g" * 32)


@dataclass
class Keys:
    """KeyStore and LocalIdentity with a key of its own."""

    device_id: str = "T-1"

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Another key from now on."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, self.device_id)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        self.certificate = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def local(self) -> "Keys":
        return self

    def sign(self, message: bytes) -> bytes:
        return es256(self.key, message)

    def chain(self) -> list[bytes]:
        return [self.certificate]

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.make(tmp_path / "journal.db")
    yield journal
    journal.close()


@pytest.fixture
def signer(keys: Keys, journal: Journal) -> TokenSigner:
    return TokenSigner(keys, DEVICE, journal)


def visit(keys: Keys, number: int) -> Signing:
    return Signing(
        cti=number.to_bytes(16, "big"),
        bridge_id=BRIDGE,
        sealing_key=PUBLIC,
        nonce=NONCE,
        facility_key=b"k" * 32,
        issued_at=1_800_000_000,
        certificate=keys.certificate,
        method=Method.PIN,
        consents={1: True},
        policy_date=date(2026, 11, 23),
        evidence=b"evidence",
    )


def token_of(journal: Journal) -> bytes:
    """The oldest record's token, as the bridge reads it; the record is gone then."""
    record = journal.oldest()
    assert record is not None
    journal.delivered(record.counter)
    token, evidence = open_record(PRIVATE, BRIDGE, record.sealed)
    assert evidence == b"evidence"
    return token


def claims_of(token: bytes, keys: Keys) -> Claims:
    return verify_token(token, BRIDGE, NONCE, keys.certificate)


def test_counter_and_previous_token_go_on_after_a_restart(
    keys: Keys, signer: TokenSigner, journal: Journal, tmp_path: Path
) -> None:
    assert signer.sign(visit(keys, 1)).counter == 1
    first = token_of(journal)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert TokenSigner(keys, DEVICE, again).sign(visit(keys, 2)).counter == 2
    second = token_of(again)
    again.close()
    assert (claims_of(first, keys).counter, claims_of(first, keys).previous) == (1, FIRST)
    assert claims_of(second, keys).counter == 2
    assert claims_of(second, keys).previous == hashlib.sha256(first).digest()


def test_the_token_says_what_the_reader_is_and_names_the_evidence(
    keys: Keys, signer: TokenSigner, journal: Journal
) -> None:
    kept = signer.sign(visit(keys, 1))
    token = token_of(journal)
    claims = claims_of(token, keys)
    assert (kept.counter, kept.size) == (1, len(token))
    assert (claims.debug, claims.method, dict(claims.consents)) == (DebugStatus.ENABLED, Method.PIN, {1: True})
    assert claims.evidence == hashlib.sha256(b"evidence").digest()
    assert (claims.firmware, claims.face_model, claims.hwmodel) == (b"f" * 32, b"g" * 32, b"model")


def test_the_record_lies_under_the_token_id_of_the_visit(keys: Keys, signer: TokenSigner, journal: Journal) -> None:
    signer.sign(visit(keys, 5))
    record = journal.oldest()
    assert record is not None and record.cti == visit(keys, 5).cti
    assert claims_of(token_of(journal), keys).cti == record.cti


def test_a_record_that_cannot_be_kept_uses_no_number(keys: Keys, signer: TokenSigner, journal: Journal) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(JournalUnavailable):
            signer.sign(visit(keys, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signer.sign(visit(keys, 2))
    claims = claims_of(token_of(journal), keys)
    assert (claims.counter, claims.previous, claims.cti) == (1, FIRST, visit(keys, 2).cti)


@pytest.mark.parametrize(
    "broken",
    [{"evidence": bytes(8193)}, {"certificate": b"none"}, {"sealing_key": bytes(32)}, {"cti": b"short"}],
    ids=lambda broken: next(iter(broken)),
)
def test_a_visit_that_cannot_be_signed_uses_no_number(
    keys: Keys, signer: TokenSigner, journal: Journal, broken: dict[str, bytes]
) -> None:
    with pytest.raises(ValueError):
        signer.sign(replace(visit(keys, 1), **broken))  # type: ignore[arg-type]
    assert (journal.last(), journal.oldest()) == ((0, FIRST), None)


def test_after_a_renewal_the_token_names_the_new_identity_and_the_count_goes_on(
    keys: Keys, signer: TokenSigner, journal: Journal
) -> None:
    signer.sign(visit(keys, 1))
    first = token_of(journal)
    keys.renew()
    signer.sign(visit(keys, 2))
    claims = claims_of(token_of(journal), keys)
    assert (claims.counter, claims.previous) == (2, hashlib.sha256(first).digest())


def test_tokens_signed_by_several_threads_are_one_chain(keys: Keys, signer: TokenSigner, journal: Journal) -> None:
    with ThreadPoolExecutor(4) as threads:
        counters = list(threads.map(lambda number: signer.sign(visit(keys, number)).counter, range(1, 21)))
    assert sorted(counters) == list(range(1, 21))
    previous = FIRST
    for counter in range(1, 21):
        token = token_of(journal)
        assert (claims_of(token, keys).counter, claims_of(token, keys).previous) == (counter, previous)
        previous = hashlib.sha256(token).digest()
