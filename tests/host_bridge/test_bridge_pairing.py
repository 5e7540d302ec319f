"""The host's end of pairing: who is given a local identity, and who is not."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pairing_rig import DEVICE, NOW, YEAR, Device, Maker, ReaderEnd, Table

from firmware.wire import cobs, enrolment
from firmware.wire.channel import SESSION, Channel
from firmware.wire.enrolment import HAND_MS, STEP_MS
from host_bridge.devices import LOCAL_IDENTITY_LIFE, NotServed
from host_bridge.pairing import ALREADY_PAIRED, TYPINGS, Phase
from host_bridge.pairing_refused import Why
from host_bridge.pairing_words import REFUSALS, obstacle, refused
from host_bridge.presence import FOREIGN_DEVICE, NO_ANSWER


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def issued_files(table: Table) -> list[str]:
    return sorted(file.name for file in table.identity.devices.folder.glob("*.pem"))


def assert_refused(table: Table, why: Why) -> None:
    """The run is over, nothing was issued, the reader was told, and the words say what to do."""
    table.until(Phase.REFUSED, ms=2 * HAND_MS)
    assert table.host.refused is not None
    assert table.host.refused.why is why
    assert issued_files(table) == []
    assert table.reader.issued == b""
    table.pass_time(500)
    assert table.reader.told in (why, "")
    assert "→" in refused(table.host.refused, table.host.device_id)


def test_a_genuine_reader_whose_code_is_typed_gets_a_short_lived_identity_in_its_name(table: Table) -> None:
    table.until(Phase.CODE)
    assert (table.host.device_id, len(table.reader.code)) == (DEVICE, 6)
    assert issued_files(table) == []
    assert table.host.type_code(table.reader.code, table.now)
    table.until(Phase.PAIRED)
    local = x509.load_der_x509_certificate(table.reader.issued)
    authority = x509.load_der_x509_certificate(table.identity.authority)
    local.verify_directly_issued_by(authority)
    assert local.public_key() == table.reader.device.local_key.public_key()
    assert local.not_valid_after_utc == NOW + LOCAL_IDENTITY_LIFE
    assert issued_files(table) == [f"{DEVICE}.next.pem"]
    assert table.identity.devices.serving(table.reader.issued) == DEVICE
    assert issued_files(table) == [f"{DEVICE}.pem"]


def test_the_same_code_may_be_mistyped_but_not_three_times(table: Table) -> None:
    table.until(Phase.CODE)
    wrong = "000000" if table.reader.code != "000000" else "111111"
    for left in range(TYPINGS - 1, 0, -1):
        assert not table.host.type_code(wrong, table.now)
        assert (table.host.typings_left, table.host.phase) == (left, Phase.CODE)
    assert not table.host.type_code(wrong, table.now)
    assert_refused(table, Why.CODE)
    assert table.reader.told == "code"


def test_a_code_mistyped_once_and_then_right_pairs(table: Table) -> None:
    table.until(Phase.CODE)
    assert not table.host.type_code("", table.now)
    assert table.host.type_code(table.reader.code, table.now)
    assert table.until(Phase.PAIRED)


def test_somebody_on_the_cable_cannot_show_the_reader_s_code_as_the_host_s(table: Table, tmp_path: Path) -> None:
    """Two pairings, one with each end: the reader that staff look at shows the code of the other."""
    between = Table(tmp_path / "between", table.maker)
    between.reader = ReaderEnd(Device(table.maker))
    between.until(Phase.CODE)
    table.until(Phase.CODE)
    assert not table.host.type_code(between.reader.code, table.now)
    assert issued_files(table) == []


def test_a_connection_lost_once_the_nonce_is_known_ends_the_run(table: Table) -> None:
    table.until(Phase.CODE)
    table.cut = True
    assert_refused(table, Why.LOST)
    table.cut = False
    before = table.reader.greeted
    table.pass_time(3000)
    assert (table.host.phase, table.reader.greeted) == (Phase.REFUSED, before)


def test_a_connection_lost_before_that_is_begun_anew_with_another_nonce(table: Table) -> None:
    table.reader.silent_after = enrolment.HELLO
    table.until(Phase.CHECKING)
    table.pass_time(STEP_MS + 500)
    assert table.reader.greeted == 2
    table.reader.silent_after = None
    table.until(Phase.CODE)


def test_a_clock_behind_the_bridge_s_own_authority_pairs_nobody(table: Table) -> None:
    authority = table.identity.devices.authority
    table.makers.revoked_file.write_bytes(table.maker.revocations(since=authority.not_valid_before_utc - YEAR))
    table.moment = authority.not_valid_before_utc - timedelta(minutes=1)
    assert_refused(table, Why.CLOCK)
    assert (table.reader.told, issued_files(table)) == ("clock", [])
    assert "この端末の日付と時刻を合わせて" in refused(table.host.refused, DEVICE)


def test_a_reader_that_does_not_prove_itself_in_time_ends_the_run(table: Table) -> None:
    table.reader.silent_after = enrolment.REVEAL
    assert_refused(table, Why.SLOW)


def test_a_code_that_nobody_types_in_five_minutes_ends_the_run(table: Table) -> None:
    table.until(Phase.CODE)
    table.pass_time(HAND_MS - 1000)
    assert table.host.phase is Phase.CODE
    assert_refused(table, Why.SLOW)


def test_a_button_that_nobody_touches_ends_the_run_and_what_was_issued_is_taken_back(table: Table) -> None:
    table.reader.touched = False
    table.until(Phase.CODE)
    table.host.type_code(table.reader.code, table.now)
    abandoned = table.until(Phase.TOUCH) and table.identity.devices.folder / f"{DEVICE}.next.pem"
    assert abandoned.exists()
    table.until(Phase.REFUSED, ms=2 * HAND_MS)
    assert table.host.refused is not None
    assert table.host.refused.why is Why.NOT_TOUCHED
    table.reader = ReaderEnd(table.reader.device)
    assert not abandoned.exists()
    assert table.identity.devices.serving(table.pair()) == DEVICE


def test_a_cable_that_falls_out_after_the_touch_is_told_apart(table: Table) -> None:
    table.reader.touched = False
    table.until(Phase.CODE)
    table.host.type_code(table.reader.code, table.now)
    table.pass_time(1000)
    table.host.lost_port()
    assert table.host.refused is not None
    assert table.host.refused.why is Why.LOST_AFTER_ISSUE
    assert table.identity.devices.serving(table.reader.issued) == DEVICE  # it may have been touched, and kept


def test_a_reader_whose_pairing_is_stopped_after_the_code_is_not_served(table: Table) -> None:
    table.reader.touched = False
    table.until(Phase.CODE)
    table.host.type_code(table.reader.code, table.now)
    table.pass_time(1000)
    table.host.stop(table.now)
    with pytest.raises(NotServed, match="not_paired"):
        table.identity.devices.serving(table.reader.issued)


def test_a_reader_that_was_paired_before_is_still_served_after_a_pairing_that_is_stopped(table: Table) -> None:
    served = table.pair()
    table.identity.devices.serving(served)
    table.reader = ReaderEnd(table.reader.device, touched=False)
    table.begin()
    table.until(Phase.CODE)
    table.host.type_code(table.reader.code, table.now)
    table.host.stop(table.now)
    assert table.identity.devices.serving(served) == DEVICE


def test_staff_who_stop_it_leave_nothing_behind(table: Table) -> None:
    table.until(Phase.CODE)
    table.host.stop(table.now)
    assert_refused(table, Why.STOPPED)
    assert table.reader.told == "stopped"


def test_a_reader_that_ends_it_is_quoted(table: Table) -> None:
    table.until(Phase.CODE)
    table.reader.send(enrolment.REFUSED, b"stopped at the reader", table.now)
    assert_refused(table, Why.READER_SAYS)
    assert "stopped at the reader" in refused(table.host.refused, DEVICE)


def test_what_a_reader_says_cannot_write_on_the_terminal(table: Table) -> None:
    table.until(Phase.CHECKING)
    table.reader.send(enrolment.REFUSED, "\x1b[2J\r\n\u202e登録".encode(), table.now)
    table.until(Phase.REFUSED)
    said = refused(table.host.refused, DEVICE)
    assert [line for line in said.splitlines() if "登録" in line] == [said.splitlines()[0]]
    assert all(one.isprintable() for line in said.split("\n") for one in line)


@pytest.mark.parametrize("step", [enrolment.IDENTITY, enrolment.DONE, enrolment.PROOF])
def test_a_step_out_of_its_order_ends_the_run(table: Table, step: int) -> None:
    table.until(Phase.CODE)
    body = {enrolment.DONE: b"", enrolment.PROOF: bytes(64)}.get(step)
    table.reader.send(step, enrolment.pack_identity([b"c"], b"r", bytes(32)) if body is None else body, table.now)
    assert_refused(table, Why.MALFORMED)


def test_a_second_identity_after_the_host_s_nonce_is_known_ends_the_run(table: Table) -> None:
    """Or somebody on the cable could try requests and nonces until two codes are equal."""
    table.reader.silent_after = enrolment.REVEAL
    table.until(Phase.CHECKING)
    table.pass_time(500)
    device = table.reader.device
    again = enrolment.pack_identity(device.chain, device.request(), bytes(enrolment.NONCE_SIZE))
    table.reader.send(enrolment.IDENTITY, again, table.now)
    table.pass_time(500)
    assert_refused(table, Why.MALFORMED)


def test_a_device_without_its_maker_s_key_is_refused(table: Table) -> None:
    thief = Device(table.maker, "READER-0002")
    thief.chain = table.reader.device.chain
    table.reader = ReaderEnd(thief, request=thief.request(DEVICE))
    assert_refused(table, Why.PROOF)


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64])
def test_a_proof_that_is_no_signature_is_refused(table: Table, signature: bytes) -> None:
    table.reader.prove = lambda message: signature
    assert_refused(table, Why.PROOF)


def test_a_proof_of_another_pairing_is_refused(table: Table) -> None:
    table.reader.prove = lambda message: table.reader.device.sign(message[:-1] + b"\0")
    assert_refused(table, Why.PROOF)


def test_a_request_for_another_name_another_curve_or_without_its_key_is_refused(tmp_path: Path) -> None:
    device = Device(Maker())
    honest = device.request()
    bent = bytearray(honest)
    bent[-1] ^= 1
    for number, request in enumerate(
        (
            device.request("READER-0002"),
            device.request(key=ec.generate_private_key(ec.SECP384R1())),
            bytes(bent),
            b"no request",
        )
    ):
        table = Table(tmp_path / str(number))
        table.reader.request = request
        assert_refused(table, Why.REQUEST)


def test_a_denied_device_is_refused_also_when_it_is_denied_while_the_code_is_typed(
    table: Table, tmp_path: Path
) -> None:
    table.until(Phase.CODE)
    table.identity.devices.deny(DEVICE, NOW)
    table.host.type_code(table.reader.code, table.now)
    assert_refused(table, Why.DENIED)
    table.reader = ReaderEnd(table.reader.device)
    table.begin()
    assert_refused(table, Why.DENIED)
    with pytest.raises(NotServed):
        table.identity.devices.serving(table.reader.device.chain[0])


def test_without_a_denylist_nobody_is_paired(table: Table) -> None:
    table.identity.denylist.file.unlink()
    assert_refused(table, Why.DENYLIST_UNUSABLE)


def test_a_disk_that_cannot_store_the_identity_issues_none(table: Table) -> None:
    table.until(Phase.CODE)
    folder = table.identity.devices.folder
    (folder / ".lock").unlink(missing_ok=True)
    folder.rmdir()
    table.host.type_code(table.reader.code, table.now)
    table.until(Phase.REFUSED)
    assert table.host.refused is not None
    assert table.host.refused.why is Why.CANNOT_STORE
    assert table.reader.issued == b""


def test_a_port_without_anybody_with_another_device_and_with_a_paired_reader_are_told_apart(table: Table) -> None:
    table.cut = True
    table.pass_time(4000)
    assert table.host.obstacle == NO_ANSWER
    table.host.feed(b"\0AT+GMM\r\n", table.now)
    table.host.tick(table.now)
    assert table.host.obstacle == FOREIGN_DEVICE
    paired = ReaderEnd(table.reader.device)
    paired.channel = Channel(False, lambda size: bytes(size), SESSION, cobs)
    paired.steps = enrolment.Steps(paired.channel)
    table.reader, table.cut = paired, False
    table.pass_time(3000)
    assert table.host.obstacle == ALREADY_PAIRED
    assert "kiosk-reader unpair" in obstacle(table.host.obstacle, "/dev/ttyACM0")
    table.reader = ReaderEnd(table.reader.device)
    table.until(Phase.CODE)
    assert table.host.obstacle == ""


def test_another_device_in_place_of_the_one_before_is_looked_at_anew(table: Table) -> None:
    table.cut = True
    table.pass_time(4000)
    table.host.feed(b"\0AT+GMM\r\n", table.now)
    table.host.tick(table.now)
    assert table.host.obstacle == FOREIGN_DEVICE
    table.host.lost_port()
    table.host.start(table.now)
    table.pass_time(1000)
    assert table.host.obstacle == ""


def test_every_reason_has_its_words() -> None:
    assert set(REFUSALS) == set(Why)
    assert all(len(why.encode()) <= enrolment.MAX_REASON for why in Why)


def test_an_idevid_may_come_with_its_root_or_without(table: Table, tmp_path: Path) -> None:
    table.reader.chain = [*table.reader.device.chain, table.maker.certificate.public_bytes(Encoding.DER)]
    table.until(Phase.CODE)
