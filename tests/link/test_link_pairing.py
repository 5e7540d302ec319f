"""Who is given a local identity, and who is not."""

import argparse
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from board.sim.keystore import make_device
from firmware.link.identity import IdentityRefused, install_identity, request_identity
from firmware.link.keys import FileKeyStore, es256
from firmware.link.trust import paired_bridge
from firmware.wire.enrolment import pack_request, proof, unpack_request
from host_bridge import pairing
from host_bridge.pairing import BridgeIdentity, PairingRefused, create_bridge, issue_local_identity

DEVICE = "READER-0001"


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "bridge")


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    make_device(tmp_path / "reader", DEVICE)
    return tmp_path / "reader"


def roots(reader: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((reader / "maker_root.pem").read_bytes())


def test_a_genuine_reader_gets_a_short_lived_identity_in_its_name(bridge: BridgeIdentity, reader: Path) -> None:
    install_identity(reader, issue_local_identity(bridge, request_identity(reader), roots(reader)))
    keys = FileKeyStore(reader)
    local, issuer = (x509.load_der_x509_certificate(one) for one in keys.chain())
    local.verify_directly_issued_by(issuer)
    assert keys.device_id == DEVICE
    assert local.not_valid_after_utc - datetime.now(UTC) < timedelta(days=31)
    assert bridge.paired_device(keys.chain()[0]) == DEVICE
    assert paired_bridge(keys) == bridge.bridge_id.hex()


def test_the_identity_signs_es256(bridge: BridgeIdentity, reader: Path) -> None:
    install_identity(reader, issue_local_identity(bridge, request_identity(reader), roots(reader)))
    keys = FileKeyStore(reader)
    signature = keys.sign(b"message")
    public_key = x509.load_der_x509_certificate(keys.chain()[0]).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    assert len(signature) == 64
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public_key.verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public_key.verify(encode_dss_signature(r, s), b"another", ec.ECDSA(hashes.SHA256()))


def test_a_reader_of_an_unknown_maker_is_refused(bridge: BridgeIdentity, reader: Path, tmp_path: Path) -> None:
    make_device(tmp_path / "other", DEVICE)
    with pytest.raises(PairingRefused, match="maker not trusted"):
        issue_local_identity(bridge, request_identity(reader), roots(tmp_path / "other"))


def test_a_request_signed_by_another_reader_is_refused(bridge: BridgeIdentity, reader: Path) -> None:
    csr, _, chain = unpack_request(request_identity(reader))
    signature = es256(ec.generate_private_key(ec.SECP256R1()), proof(csr))
    with pytest.raises(PairingRefused, match="not signed by the maker's key"):
        issue_local_identity(bridge, pack_request(csr, signature, chain), roots(reader))


def test_a_request_moved_to_another_readers_certificate_is_refused(
    bridge: BridgeIdentity, reader: Path, tmp_path: Path
) -> None:
    make_device(tmp_path / "other", "READER-0002")
    csr, signature, _ = unpack_request(request_identity(reader))
    _, _, chain = unpack_request(request_identity(tmp_path / "other"))
    with pytest.raises(PairingRefused, match="not signed by the maker's key"):
        issue_local_identity(bridge, pack_request(csr, signature, chain), roots(tmp_path / "other"))


def test_a_reader_that_does_not_hold_the_key_it_asks_for_is_refused(bridge: BridgeIdentity, reader: Path) -> None:
    """The maker's key vouches for a request whose own signature is wrong."""
    maker_key = serialization.load_pem_private_key((reader / "idevid" / "key.pem").read_bytes(), None)
    assert isinstance(maker_key, ec.EllipticCurvePrivateKey)
    csr, _, chain = unpack_request(request_identity(reader))
    wrong = csr[:-1] + bytes([csr[-1] ^ 1])
    with pytest.raises(PairingRefused, match="does not hold the key"):
        issue_local_identity(bridge, pack_request(wrong, es256(maker_key, proof(wrong)), chain), roots(reader))


def test_an_identity_key_cannot_vouch_for_a_reader_as_an_issuer(bridge: BridgeIdentity, reader: Path) -> None:
    """A genuine reader's maker certificate is no authority: what it issues is worth nothing."""
    maker_key = serialization.load_pem_private_key((reader / "idevid" / "key.pem").read_bytes(), None)
    assert isinstance(maker_key, ec.EllipticCurvePrivateKey)
    csr, _, (idevid, root) = unpack_request(request_identity(reader))
    forged_key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "READER-9999")]))
        .issuer_name(x509.load_der_x509_certificate(idevid).subject)
        .public_key(forged_key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(maker_key, hashes.SHA256())
    )
    chain = [forged.public_bytes(serialization.Encoding.DER), idevid, root]
    with pytest.raises(PairingRefused, match="does not hold together"):
        issue_local_identity(bridge, pack_request(csr, es256(forged_key, proof(csr)), chain), roots(reader))


@pytest.mark.parametrize("name", ["../../etc/x", "", "a/b", "x" * 33, "."])
def test_a_name_that_is_no_device_id_never_becomes_a_file(bridge: BridgeIdentity, tmp_path: Path, name: str) -> None:
    make_device(tmp_path / "odd", name)
    with pytest.raises(PairingRefused, match="names no device"):
        issue_local_identity(bridge, request_identity(tmp_path / "odd"), roots(tmp_path / "odd"))
    assert list((bridge.folder / "devices").iterdir()) == []


def test_garbage_is_refused(bridge: BridgeIdentity, reader: Path) -> None:
    for request in (b"", b"garbage", pack_request(b"csr", bytes(64), [b"certificate"])):
        with pytest.raises(PairingRefused, match="malformed"):
            issue_local_identity(bridge, request, roots(reader))


def test_an_answer_for_another_key_is_not_installed(bridge: BridgeIdentity, reader: Path) -> None:
    answer = issue_local_identity(bridge, request_identity(reader), roots(reader))
    request_identity(reader)
    with pytest.raises(IdentityRefused, match="another key"):
        install_identity(reader, answer)
    with pytest.raises(IdentityRefused, match="no certificate"):
        install_identity(reader, b"garbage")


def test_private_keys_are_for_their_owner_alone(bridge: BridgeIdentity, reader: Path) -> None:
    install_identity(reader, issue_local_identity(bridge, request_identity(reader), roots(reader)))
    keys = [*bridge.folder.rglob("*.key"), *reader.rglob("key.pem")]
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_a_bridge_is_not_made_twice(bridge: BridgeIdentity) -> None:
    with pytest.raises(FileExistsError):
        create_bridge(bridge.folder)
    assert BridgeIdentity.load(bridge.folder) == bridge


def test_the_bridge_commands_pair_a_reader(reader: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    pairing.add_commands(parser.add_subparsers())
    (tmp_path / "request").write_bytes(request_identity(reader))
    folder = ["--identity", str(tmp_path / "new")]
    roots_option = ["--maker-roots", str(reader / "maker_root.pem")]
    for arguments in (
        ["init", *folder],
        [
            "pair",
            *folder,
            *("--request", str(tmp_path / "request")),
            *("--answer", str(tmp_path / "answer")),
            *roots_option,
        ],
    ):
        options = parser.parse_args(arguments)
        options.command(options)
    install_identity(reader, (tmp_path / "answer").read_bytes())
    assert FileKeyStore(reader).device_id == DEVICE
    assert "paired" in capsys.readouterr().out


def test_the_bridge_speaks_nothing_older_than_tls_1_3(bridge: BridgeIdentity) -> None:
    assert bridge.tls_context().minimum_version == ssl.TLSVersion.TLSv1_3
