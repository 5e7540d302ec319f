"""Who may talk to whom over the cable, and who may not."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from link_bench import SERIAL, Bench, Heard, local, pair

from board.sim.keystore import make_device
from firmware.link.answers import LinkDown
from firmware.link.keys import FileKeyStore
from firmware.link.trust import server_context
from host_bridge.identity import BridgeIdentity, create_bridge


def test_no_session_can_be_resumed_without_a_certificate(bench: Bench) -> None:
    assert server_context(local(bench.keys)).num_tickets == 0


async def test_a_bridge_of_another_authority_is_refused_by_the_reader(bench: Bench, tmp_path: Path) -> None:
    """A stranger that would take any reader: only the reader can refuse here."""
    stranger = create_bridge(tmp_path / "stranger")
    (stranger.folder / "ca.pem").write_bytes((bench.identity.folder / "ca.pem").read_bytes())
    heard = Heard()
    async with bench.bridge(stranger), bench.reader(heard) as reader:
        await heard.until("link_down", reason="certificate: unable to get local issuer certificate")
        assert not reader.link.up


async def test_a_reader_of_another_authority_is_refused_by_the_bridge(bench: Bench, tmp_path: Path) -> None:
    stranger = create_bridge(tmp_path / "stranger")
    make_device(tmp_path / "other" / "identity", SERIAL)
    keys = pair(stranger, tmp_path / "other")
    async with bench.bridge() as bridge, bench.reader(Heard(), keys) as reader:
        await bridge.heard.until("link_down", reason="certificate: self-signed certificate in certificate chain")
        assert not reader.link.up


async def test_a_host_without_certificate_is_refused(bench: Bench) -> None:
    heard = Heard()
    async with bench.bridge(Anonymous.of(bench.identity)), bench.reader(heard):
        await heard.until("link_down", reason="tls: PEER_DID_NOT_RETURN_A_CERTIFICATE")


async def test_a_reader_that_poses_as_the_bridge_is_refused(bench: Bench) -> None:
    """A stolen reader's certificate is of the right authority, but for the other role."""
    heard = Heard()
    key, chain, _ = local(bench.keys).tls_files()
    async with bench.bridge(Posing.of(bench.identity, chain, key)), bench.reader(heard):
        await heard.until("link_down", reason="certificate: unsuitable certificate purpose")


async def test_a_bridge_certificate_cannot_pose_as_a_reader(bench: Bench) -> None:
    folder = bench.identity.folder
    keys = BorrowedKeys(bench.keys, folder / "bridge.key", folder / "bridge.pem", folder / "ca.pem")
    async with bench.bridge() as bridge, bench.reader(Heard(), keys):
        await bridge.heard.until("link_down", reason="certificate: unsuitable certificate purpose")


async def test_a_reader_paired_again_elsewhere_under_the_same_name_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Its old certificate is of the right authority and in date, but no longer the one that is valid."""
    kept = [tmp_path / file.name for file in local(bench.keys).tls_files()]
    for copy, file in zip(kept, local(bench.keys).tls_files(), strict=True):
        copy.write_bytes(file.read_bytes())
    pair(bench.identity, tmp_path / "device")
    async with bench.bridge() as bridge, bench.reader(Heard(), BorrowedKeys(bench.keys, *kept)):
        await bridge.heard.until("link_refused", reason="not_paired")


async def test_a_genuine_reader_that_the_bridge_has_not_paired_is_refused(bench: Bench) -> None:
    bench.identity.devices.unpair(SERIAL)
    heard = Heard()
    async with bench.bridge() as bridge, bench.reader(heard) as reader:
        await bridge.heard.until("link_refused", reason="not_paired")
        await heard.until("link_down", reason="refused_by_other_end")
        assert not reader.link.up


async def test_a_reader_whose_identity_has_expired_is_refused(bench: Bench, tmp_path: Path) -> None:
    keys = pair(bench.identity, tmp_path / "device", life=timedelta(minutes=-1))
    async with bench.bridge() as bridge, bench.reader(Heard(), keys):
        await bridge.heard.until("link_down", reason="certificate_expired")


async def test_another_bridge_of_the_same_authority_is_refused_by_the_reader(bench: Bench, tmp_path: Path) -> None:
    """Right authority, right role, another bridge's name."""
    heard = Heard()
    posing = certified(bench, tmp_path, bytes(16).hex(), datetime.now(UTC))
    async with bench.bridge(posing), bench.reader(heard):
        await heard.until("link_down", reason="not_the_paired_bridge")


async def test_a_reader_whose_clock_is_behind_still_knows_its_bridge(bench: Bench, tmp_path: Path) -> None:
    bridge = certified(bench, tmp_path, bench.identity.bridge_id.hex(), datetime.now(UTC) + timedelta(days=300))
    async with bench.bridge(bridge), bench.reader(Heard()) as reader:
        await reader.link.settings()


async def test_a_host_that_offers_older_tls_is_refused(bench: Bench) -> None:
    heard = Heard()
    async with bench.bridge(Outdated.of(bench.identity)), bench.reader(heard):
        await heard.until("link_down", reason="tls: UNSUPPORTED_PROTOCOL")


async def test_settings_of_another_bridge_id_are_refused_by_the_reader(bench: Bench) -> None:
    bench.desk.bridge_id = bytes(16)
    heard = Heard()
    async with bench.bridge(), bench.reader(heard):
        await heard.until("link_down", reason="malformed")


@pytest.mark.parametrize("demo_reader", [True, False])
async def test_demo_and_production_never_meet(bench: Bench, demo_reader: bool) -> None:
    bench.desk.demo = not demo_reader
    heard = Heard()
    async with bench.bridge() as bridge, bench.reader(heard, demo=demo_reader) as reader:
        await heard.until("link_down", reason="demo_mismatch")
        await bridge.heard.until("link_down", reason="refused_by_other_end")
        assert not reader.link.up
        with pytest.raises(LinkDown):
            reader.link.host_time()


async def test_a_production_reader_meets_a_production_bridge(bench: Bench) -> None:
    bench.desk.demo = False
    async with bench.bridge(), bench.reader(Heard(), demo=False) as reader:
        assert not (await reader.link.settings()).demo


def test_an_unpaired_reader_has_no_local_identity(tmp_path: Path) -> None:
    make_device(tmp_path / "new", "READER-0002")
    assert FileKeyStore(tmp_path / "new").local() is None


def test_roles_of_reader_and_bridge_differ(bench: Bench) -> None:
    reader = x509.load_der_x509_certificate(local(bench.keys).chain()[0])
    bridge = x509.load_pem_x509_certificate((bench.identity.folder / "bridge.pem").read_bytes())
    uses = [list(one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) for one in (reader, bridge)]
    assert uses == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]


def certified(bench: Bench, folder: Path, name: str, since: datetime) -> BridgeIdentity:
    """A host with a certificate of the bridge's authority for the name `name`, valid for a day from `since`."""
    ca_key = serialization.load_pem_private_key((bench.identity.folder / "ca.key").read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, name)]))
        .issuer_name(x509.load_der_x509_certificate(bench.identity.authority).subject)
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "chain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Posing.of(bench.identity, folder / "chain.pem", folder / "key.pem")


def parts(identity: BridgeIdentity) -> tuple[Any, ...]:
    return tuple(getattr(identity, field.name) for field in fields(BridgeIdentity))


@dataclass(frozen=True)
class Anonymous(BridgeIdentity):
    """A host that trusts the right authority and shows no certificate."""

    @classmethod
    def of(cls, identity: BridgeIdentity) -> "Anonymous":
        return cls(*parts(identity))

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.folder / "ca.pem")
        return context


@dataclass(frozen=True)
class Posing(Anonymous):
    """A host that shows somebody else's certificate and holds its key."""

    chain: Path = Path()
    key: Path = Path()

    @classmethod
    def of(cls, identity: BridgeIdentity, chain: Path = Path(), key: Path = Path()) -> "Posing":
        return cls(*parts(identity), chain, key)

    def tls_context(self) -> ssl.SSLContext:
        context = super().tls_context()
        context.load_cert_chain(self.chain, self.key)
        return context


@dataclass(frozen=True)
class Outdated(BridgeIdentity):
    """The right bridge, with TLS 1.2."""

    @classmethod
    def of(cls, identity: BridgeIdentity) -> "Outdated":
        return cls(*parts(identity))

    def tls_context(self) -> ssl.SSLContext:
        context = super().tls_context()
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


class BorrowedKeys:
    """A reader that serves TLS with other files than its own."""

    def __init__(self, own: FileKeyStore, key: Path, chain: Path, issuer: Path) -> None:
        self.device_id = own.device_id
        self.maker_chain, self.maker_sign = own.maker_chain, own.maker_sign
        self.request, self.install, self.forget = own.request, own.install, own.forget
        self._identity = local(own)
        self._files = key, chain, issuer

    def local(self) -> "BorrowedKeys":
        return self

    def sign(self, message: bytes) -> bytes:
        return self._identity.sign(message)

    def chain(self) -> Sequence[bytes]:
        return self._identity.chain()

    def tls_files(self) -> tuple[Path, Path, Path]:
        return self._files
