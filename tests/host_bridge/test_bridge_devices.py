"""Paired readers and their identities on the disk: in use, next, renewed, unpaired, denied, and a machine that stops
between any two writes."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pairing_rig import DEVICE, NOW, Device, Maker

from host_bridge.certificates import RequestMalformed, organization
from host_bridge.denylist import Denylist, DenylistUnusable
from host_bridge.devices import LOCAL_IDENTITY_LIFE, Devices, NotServed, UnknownDevice
from host_bridge.identity import BridgeIdentity, IdentityUnusable, create_bridge

DAY = timedelta(days=1)
ENCRYPTED = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")
)


@pytest.fixture(scope="module")
def reader() -> Device:
    return Device(Maker())


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "identity")


@pytest.fixture
def devices(bridge: BridgeIdentity) -> Devices:
    return bridge.devices


def pair(devices: Devices, reader: Device, name: str = DEVICE) -> bytes:
    return devices.pair(name, reader.local_key.public_key(), reader.idevid, LOCAL_IDENTITY_LIFE, NOW)


def refusal(devices: Devices, certificate: bytes) -> str | None:
    try:
        devices.serving(certificate)
    except NotServed as error:
        return error.reason
    return None


def names(devices: Devices) -> set[str]:
    return {file.name for file in devices.folder.iterdir()} - {".lock"}


def test_what_was_issued_is_in_use_from_its_first_session(devices: Devices, reader: Device) -> None:
    first = pair(devices, reader)
    assert names(devices) == {f"{DEVICE}.next.pem"}
    assert refusal(devices, first) is None
    assert names(devices) == {f"{DEVICE}.pem"}
    second = devices.renew(DEVICE, reader.request(), NOW + 21 * DAY)
    assert refusal(devices, first) is None  # until the reader has the next one on its disk
    assert names(devices) == {f"{DEVICE}.pem", f"{DEVICE}.next.pem"}
    assert refusal(devices, second) is None
    assert names(devices) == {f"{DEVICE}.pem"}
    assert refusal(devices, first) == "not_paired"


def test_one_issued_in_vain_is_replaced_and_never_serves(devices: Devices, reader: Device) -> None:
    refusal(devices, pair(devices, reader))
    in_vain = devices.renew(DEVICE, reader.request(), NOW)
    taken = devices.renew(DEVICE, reader.request(), NOW)
    assert refusal(devices, in_vain) == "not_paired"
    assert refusal(devices, taken) is None


def test_a_renewal_keeps_name_maker_and_day_of_pairing_and_ends_with_the_authority(
    devices: Devices, reader: Device
) -> None:
    refusal(devices, pair(devices, reader))
    end = devices.authority.not_valid_after_utc
    issued = devices.renew(DEVICE, reader.request(), end - DAY)
    assert devices.serving(issued) == DEVICE
    renewed = x509.load_der_x509_certificate(issued)
    assert renewed.not_valid_after_utc == end
    assert renewed.not_valid_before_utc < renewed.not_valid_after_utc
    (row,) = devices.table()
    assert row.paired is not None
    assert (row.paired.since, row.paired.maker) == (NOW, reader.idevid)


def test_only_a_valid_request_of_a_paired_device_renews(devices: Devices, reader: Device) -> None:
    with pytest.raises(NotServed, match="not_paired"):
        devices.renew(DEVICE, reader.request(), NOW)
    pair(devices, reader)
    with pytest.raises(NotServed, match="not_paired"):  # not in use yet, so nobody can have a session
        devices.renew(DEVICE, reader.request(), NOW)
    refusal(devices, pair(devices, reader))
    for request in (b"", reader.request("READER-0002"), reader.request(key=ec.generate_private_key(ec.SECP384R1()))):
        with pytest.raises(RequestMalformed):
            devices.renew(DEVICE, request, NOW)
    assert names(devices) == {f"{DEVICE}.pem"}


def test_an_unpaired_reader_is_not_served_and_may_be_paired_again(devices: Devices, reader: Device) -> None:
    first = pair(devices, reader)
    refusal(devices, first)
    following = devices.renew(DEVICE, reader.request(), NOW)
    devices.unpair(DEVICE)
    assert names(devices) == set()
    assert [refusal(devices, one) for one in (first, following)] == ["not_paired", "not_paired"]
    assert refusal(devices, pair(devices, reader)) is None
    with pytest.raises(UnknownDevice, match=f"READER-0009: .* / not paired with this bridge; .*paired: {DEVICE}"):
        devices.unpair("READER-0009")


def test_a_name_that_leads_out_of_the_folder_unpairs_nothing(devices: Devices, reader: Device) -> None:
    pair(devices, reader)
    beside = devices.folder.parent / "other.pem"
    beside.write_text("kept")
    for name in ("../other", f"{DEVICE}.next", "", "."):
        with pytest.raises(UnknownDevice):
            devices.unpair(name)
    assert beside.read_text() == "kept"
    assert names(devices) == {f"{DEVICE}.next.pem"}


def test_a_denied_reader_is_never_served_nor_paired_again(devices: Devices, reader: Device) -> None:
    first = pair(devices, reader)
    refusal(devices, first)
    following = devices.renew(DEVICE, reader.request(), NOW)
    devices.deny(DEVICE, NOW + DAY)
    assert [refusal(devices, one) for one in (first, following)] == ["denied", "denied"]
    for attempt in (
        lambda: pair(devices, reader),
        lambda: devices.renew(DEVICE, reader.request(), NOW),
    ):
        with pytest.raises(NotServed, match="denied"):
            attempt()
    listed = x509.load_pem_x509_crl(devices.denylist.file.read_bytes())
    serials = {x509.load_der_x509_certificate(one).serial_number for one in (first, following)}
    assert {entry.serial_number for entry in listed} == serials
    assert listed.is_signature_valid(devices.authority.public_key())  # type: ignore[arg-type]
    devices.unpair(DEVICE)
    with pytest.raises(NotServed, match="denied"):
        pair(devices, reader)


def test_a_reader_may_be_denied_before_it_was_ever_paired_and_twice_is_once(devices: Devices, reader: Device) -> None:
    devices.deny("READER-0002", NOW)
    devices.deny("READER-0002", NOW + DAY)
    with pytest.raises(NotServed, match="denied"):
        pair(devices, reader, "READER-0002")
    assert devices.denylist.devices() == {"READER-0002": NOW}
    assert refusal(devices, pair(devices, reader)) is None
    with pytest.raises(UnknownDevice, match="no reader can have this name"):
        devices.deny("../ca", NOW)


def test_a_denylist_that_is_missing_forged_or_of_another_bridge_serves_nobody(
    devices: Devices, reader: Device, tmp_path: Path
) -> None:
    certificate = pair(devices, reader)
    assert refusal(devices, certificate) is None
    stranger = create_bridge(tmp_path / "stranger")
    good = devices.denylist.file.read_bytes()
    namesake = ec.generate_private_key(ec.SECP256R1())
    forged = Denylist(tmp_path / "forged.pem", devices.authority)
    forged.create(namesake, NOW)
    for bad in (stranger.denylist.file.read_bytes(), forged.file.read_bytes(), b"", good[:200]):
        devices.denylist.file.write_bytes(bad)
        for question in (
            lambda: devices.serving(certificate),
            lambda: pair(devices, reader),
            lambda: devices.deny(DEVICE, NOW),
            devices.table,
        ):
            with pytest.raises(DenylistUnusable):
                question()
    devices.denylist.file.unlink()
    with pytest.raises(
        DenylistUnusable, match=r"denied\.pem: .*バックアップ.* / No such file .*; no reader is served without it"
    ):
        devices.serving(certificate)
    devices.denylist.file.write_bytes(good)
    assert refusal(devices, certificate) is None


def test_the_table_shows_paired_issued_and_denied_readers(devices: Devices, reader: Device) -> None:
    refusal(devices, pair(devices, reader))
    pair(devices, reader, "READER-0002")
    devices.deny("READER-0003", NOW)
    seen, issued, denied = devices.table()
    assert (seen.device_id, seen.seen, seen.denied) == (DEVICE, True, None)
    assert seen.paired is not None
    assert organization(seen.paired.maker.issuer) == "Test maker"
    assert (issued.device_id, issued.seen) == ("READER-0002", False)
    assert (denied.device_id, denied.paired, denied.denied) == ("READER-0003", None, NOW)


def stopped_before(change: int, work: Callable[[], object]) -> bool:
    """Do it in a process that is gone before its n-th change of a folder; whether it came to its end before."""
    child = os.fork()
    if child == 0:
        left = change

        def count(event: str, facts: tuple[object, ...]) -> None:
            nonlocal left
            making = event == "open" and isinstance(facts[2], int) and facts[2] & os.O_CREAT
            if making or event in ("os.rename", "os.remove", "os.mkdir"):
                if left == 0:
                    os._exit(9)
                left -= 1

        sys.addaudithook(count)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def each_stop(work: Callable[[], object]) -> Iterator[int]:
    """`work`, stopped before its first change, its second, and so on, to its end."""
    for change in range(50):
        done = stopped_before(change, work)
        yield change
        if done:
            assert change > 1
            return
    pytest.fail("it never comes to an end")


def test_a_machine_that_stops_while_it_pairs_or_renews_keeps_what_serves(devices: Devices, reader: Device) -> None:
    for _ in each_stop(lambda: pair(devices, reader)):
        assert all(not row.seen for row in devices.table())
    issued = [pair(devices, reader)]
    for _ in each_stop(lambda: devices.serving(issued[-1])):
        assert devices.serving(issued[-1]) == DEVICE
        devices.unpair(DEVICE)
        issued.append(pair(devices, reader))
    first = issued[-1]
    devices.serving(first)
    for _ in each_stop(lambda: devices.renew(DEVICE, reader.request(), NOW)):
        assert devices.serving(first) == DEVICE
    assert devices.serving(devices.renew(DEVICE, reader.request(), NOW)) == DEVICE


def test_a_machine_that_stops_while_it_unpairs_has_the_reader_paired_or_not(devices: Devices, reader: Device) -> None:
    first = pair(devices, reader)
    devices.serving(first)
    following = devices.renew(DEVICE, reader.request(), NOW)
    for _ in each_stop(lambda: devices.unpair(DEVICE)):
        half = refusal(devices, first)
        assert half in (None, "not_paired")
        if half is not None:
            assert refusal(devices, following) == "not_paired"
    assert refusal(devices, first) == "not_paired"
    assert names(devices) == set()


def test_a_machine_that_stops_while_it_denies_has_a_list_that_can_be_used(devices: Devices, reader: Device) -> None:
    first = pair(devices, reader)
    devices.serving(first)
    for _ in each_stop(lambda: devices.deny(DEVICE, NOW)):
        assert refusal(devices, first) in (None, "denied")
    assert refusal(devices, first) == "denied"


def test_a_machine_that_stops_while_a_bridge_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    for change in each_stop(lambda: create_bridge(tmp_path / "bridge")):
        if (tmp_path / "bridge").exists():
            made = BridgeIdentity.load(tmp_path / "bridge")
            assert made.devices.table() == [], change
            (tmp_path / "bridge").rename(tmp_path / f"made {change}")
    create_bridge(tmp_path / "bridge")


@pytest.mark.parametrize("damaged", [b"", b"damaged", ENCRYPTED], ids=["empty", "damaged", "encrypted"])
def test_a_damaged_key_of_the_authority_is_told_by_its_file(devices: Devices, reader: Device, damaged: bytes) -> None:
    devices.authority_key.write_bytes(damaged)
    for change in (lambda: pair(devices, reader), lambda: devices.deny(DEVICE, NOW)):
        with pytest.raises(ValueError, match=r"ca\.key: 鍵が壊れています.* / .*: restore it from a backup"):
            change()


def test_keys_and_certificates_are_for_their_owner_alone(bridge: BridgeIdentity, reader: Device) -> None:
    pair(bridge.devices, reader)
    for path in [bridge.folder, *bridge.folder.rglob("*")]:
        if path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_renewals_from_many_threads_leave_one_that_serves(devices: Devices, reader: Device) -> None:
    refusal(devices, pair(devices, reader))
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda _: devices.renew(DEVICE, reader.request(), NOW), range(16)))
    assert [refusal(devices, one) for one in issued].count(None) == 1
    assert names(devices) == {f"{DEVICE}.pem"}


def test_a_bridge_is_never_made_over_another(bridge: BridgeIdentity) -> None:
    with pytest.raises(FileExistsError, match="never replaced"):
        create_bridge(bridge.folder)
    assert BridgeIdentity.load(bridge.folder).bridge_id == bridge.bridge_id


def test_an_empty_folder_becomes_a_bridge_s_and_sealing_keys_belong_together(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bridge = create_bridge(tmp_path / "empty")
    key = x509.load_der_x509_certificate(bridge.authority).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert (len(bridge.record_key), len(bridge.sealing_key), len(bridge.bridge_id)) == (32, 32, 16)
    assert bridge.record_key.hex() not in repr(bridge)
    assert bridge.authority == x509.load_pem_x509_certificate((bridge.folder / "ca.pem").read_bytes()).public_bytes(
        Encoding.DER
    )


@pytest.mark.parametrize("name", ["bridge.pem", "bridge.key"])
def test_a_bridge_without_its_key_or_with_another_s_says_what_to_do(
    bridge: BridgeIdentity, tmp_path: Path, name: str
) -> None:
    stranger = create_bridge(tmp_path / "stranger")
    (bridge.folder / name).write_bytes((stranger.folder / name).read_bytes())
    with pytest.raises(IdentityUnusable, match="restore the folder"):
        bridge.tls_context()
    (bridge.folder / name).unlink()
    with pytest.raises(IdentityUnusable, match=f"{bridge.folder}: .*restore the folder"):
        bridge.tls_context()


@pytest.mark.parametrize("name", ["ca.pem", "record.key"])
def test_an_identity_with_a_part_missing_says_which(bridge: BridgeIdentity, name: str) -> None:
    (bridge.folder / name).unlink()
    with pytest.raises(IdentityUnusable, match=f"{name}: ありません"):
        BridgeIdentity.load(bridge.folder)
    (bridge.folder / name).write_bytes(b"short")
    with pytest.raises(IdentityUnusable, match="no bridge's identity"):
        BridgeIdentity.load(bridge.folder)
