"""The reader's keys in files: what is installed is in use whole or not at all, whenever the reader is killed."""

import os
import signal
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from link_bench import local, pair

from board.sim.keystore import make_device
from firmware.link import keys as keys_module
from firmware.link.identity import renew_from
from firmware.link.keys import FileKeyStore
from firmware.link.trust import paired_bridge, server_context
from host_bridge.identity import BridgeIdentity, create_bridge

DEVICE = "READER-0001"


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "bridge")


@pytest.fixture
def keys(tmp_path: Path, bridge: BridgeIdentity) -> FileKeyStore:
    """Of a reader that is paired."""
    make_device(tmp_path / "device" / "identity", DEVICE)
    return pair(bridge, tmp_path / "device")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "device" / "identity"


def renewed(bridge: BridgeIdentity, keys: FileKeyStore) -> bytes:
    assert bridge.devices.serving(local(keys).chain()[0]) == DEVICE
    return bridge.devices.renew(DEVICE, keys.request(), datetime.now(UTC))


def test_the_identity_names_device_and_bridge_and_lasts_a_month(bridge: BridgeIdentity, keys: FileKeyStore) -> None:
    issued, issuer = (x509.load_der_x509_certificate(one) for one in local(keys).chain())
    issued.verify_directly_issued_by(issuer)
    assert keys.device_id == DEVICE
    assert paired_bridge(local(keys)) == bridge.bridge_id.hex()
    left = renew_from(local(keys).chain()[0]) - datetime.now(UTC).timestamp()
    assert timedelta(days=19) < timedelta(seconds=left) < timedelta(days=21)


@pytest.mark.parametrize("whose", ["local", "maker"])
def test_both_keys_sign_es256(keys: FileKeyStore, whose: str) -> None:
    sign, chain = (local(keys).sign, local(keys).chain()) if whose == "local" else (keys.maker_sign, keys.maker_chain())
    signature = sign(b"message")
    public_key = x509.load_der_x509_certificate(chain[0]).public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    assert len(signature) == 64
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public_key.verify(encode_dss_signature(r, s), b"message", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public_key.verify(encode_dss_signature(r, s), b"another", ec.ECDSA(hashes.SHA256()))


def test_an_identity_is_the_same_after_a_restart(keys: FileKeyStore, folder: Path) -> None:
    assert local(FileKeyStore(folder)).chain() == local(keys).chain()


def test_an_identity_issued_to_an_earlier_request_is_not_installed(bridge: BridgeIdentity, keys: FileKeyStore) -> None:
    before = local(keys).chain()
    late = renewed(bridge, keys)
    keys.request()
    with pytest.raises(ValueError, match="another key"):
        keys.install(late, bridge.authority)
    assert local(keys).chain() == before


def test_nothing_is_installed_twice(bridge: BridgeIdentity, keys: FileKeyStore) -> None:
    certificate = renewed(bridge, keys)
    keys.install(certificate, bridge.authority)
    with pytest.raises(ValueError):
        keys.install(certificate, bridge.authority)


def test_what_was_in_use_before_is_erased(bridge: BridgeIdentity, keys: FileKeyStore, folder: Path) -> None:
    before = (folder / "ldevid" / "key.pem").read_bytes()
    keys.install(renewed(bridge, keys), bridge.authority)
    assert before not in [file.read_bytes() for file in folder.rglob("*.pem")]
    keys.forget()
    assert keys.local() is None and FileKeyStore(folder).local() is None
    assert [file.parent.name for file in folder.rglob("key.pem")] == ["idevid"]
    keys.forget()  # twice is no harm


def test_private_keys_are_for_their_owner_alone(keys: FileKeyStore, folder: Path) -> None:
    keys.request()
    files = list(folder.rglob("key.pem"))
    assert len(files) >= 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize("missing", ["idevid/key.pem", "idevid/chain.pem", "ldevid/key.pem", "ldevid/chain.pem"])
def test_a_damaged_identity_is_told(keys: FileKeyStore, folder: Path, missing: str) -> None:
    (folder / missing).write_bytes(b"damaged")
    with pytest.raises(ValueError):
        FileKeyStore(folder)
    (folder / missing).unlink()
    with pytest.raises(OSError):
        FileKeyStore(folder)


def test_a_reader_killed_anywhere_while_it_renews_has_an_identity_that_the_bridge_takes(
    bridge: BridgeIdentity, keys: FileKeyStore, folder: Path
) -> None:
    seen = set()
    line = 0
    while True:
        line += 1
        before = local(FileKeyStore(folder)).chain()[0]
        store = FileKeyStore(folder)
        certificate = renewed(bridge, store)
        done = not killed_before(line, partial(store.install, certificate, bridge.authority))
        now = local(FileKeyStore(folder))
        assert now.chain()[0] in (before, certificate)
        seen.add(now.chain()[0] == certificate)
        server_context(now)
        assert bridge.devices.serving(now.chain()[0]) == DEVICE
        if done:
            break
    assert seen == {False, True} and line > 20


def test_a_reader_killed_anywhere_while_it_forgets_is_paired_or_is_not(
    bridge: BridgeIdentity, keys: FileKeyStore, folder: Path, tmp_path: Path
) -> None:
    line = 0
    while True:
        line += 1
        certificate = local(FileKeyStore(folder)).chain()[0]
        done = not killed_before(line, FileKeyStore(folder).forget)
        left = FileKeyStore(folder).local()
        assert left is None or left.chain()[0] == certificate
        if done:
            break
        pair(bridge, tmp_path / "device")
    assert FileKeyStore(folder).local() is None


def killed_before(line: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is killed before this line of the key store; False where it has fewer."""
    child = os.fork()
    if child == 0:
        seen = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal seen
            if frame.f_code.co_filename != keys_module.__file__:
                return None
            if event == "line":
                seen += 1
                if seen == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL
