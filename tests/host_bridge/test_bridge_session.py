"""The bridge's session, both ends in memory: settings, answers, and readers that are not served."""

import os
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from pairing_rig import DEVICE, NOW
from session_rig import ACCEPTED, CTI, STEP_MS, DiskFull, SessionWorld

from firmware.wire import cobs, frame, messages
from firmware.wire.channel import CONNECTED, PAIRING, SESSION, Channel
from firmware.wire.tls import Event, SecureChannel
from host_bridge.eligibility import CertificateStatus, Prescription
from host_bridge.link_state import state_of
from host_bridge.session import APART_MS, LOOK_MS

LIFE = timedelta(days=30)
HOUR_MS = 3_600_000


@pytest.fixture
def world(tmp_path: Path) -> SessionWorld:
    return SessionWorld(tmp_path)


def no_tls(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
    raise AssertionError("a reader that is not paired begins no session")


def down_for(world: SessionWorld) -> str:
    return str(world.events("link_down")[-1]["reason"])


def refused_for(world: SessionWorld) -> str:
    return str(world.events("link_refused")[-1]["reason"])


def test_settings_come_first_of_all_and_once(world: SessionWorld) -> None:
    world.connected()
    ((_, body),) = world.reader.settings
    bridge_id, key, sealing_key, kind, flags, now = messages.unpack_settings(body)
    assert (bridge_id, key, kind) == (world.identity.bridge_id, bytes(32), 3)
    assert sealing_key == world.identity.sealing_key
    assert flags == messages.DEMO | messages.HAS_PRESCRIPTIONS
    assert now - 1_800_000_000 <= world.now // 1000
    world.pass_time(60_000)
    assert len(world.reader.settings) == 1
    assert world.events("link_up")[0]["device"] == DEVICE


def test_settings_are_told_anew_when_a_flag_changes_and_the_link_stays_up(world: SessionWorld) -> None:
    world.connected()
    world.desk.told = replace(world.desk.told, disaster=True, staff_check=True)
    world.pass_time(LOOK_MS + 100)
    flags = messages.unpack_settings(world.reader.settings[-1][1])[4]
    assert flags == messages.DEMO | messages.DISASTER | messages.HAS_PRESCRIPTIONS | messages.STAFF_CHECK
    world.pass_time(10_000)
    assert (len(world.reader.settings), len(world.events("link_up"))) == (2, 1)


@pytest.mark.parametrize("by_ms", [APART_MS + 1000, -APART_MS - 1000, 8 * 3600 * 1000])
def test_settings_are_told_anew_when_the_clock_is_set_or_the_terminal_slept(world: SessionWorld, by_ms: int) -> None:
    world.connected()
    world.desk.clock_ms += by_ms
    world.pass_time(LOOK_MS + 100)
    first, second = (messages.unpack_settings(body)[5] for _, body in world.reader.settings)
    assert abs((second - first) * 1000 - by_ms) < 3000
    world.pass_time(10_000)
    assert len(world.reader.settings) == 2


def test_a_clock_that_drifts_a_little_is_no_news(world: SessionWorld) -> None:
    world.connected()
    world.desk.clock_ms += APART_MS - 1000
    world.pass_time(10_000)
    assert len(world.reader.settings) == 1


def test_settings_are_told_every_hour(world: SessionWorld) -> None:
    world.connected()
    world.pass_time(3 * HOUR_MS, step_ms=500)
    told = [at for at, _ in world.reader.settings]
    assert len(told) == 4
    assert all(HOUR_MS * 0.9 < later - earlier <= HOUR_MS for earlier, later in pairwise(told))
    assert world.events("link_down") == []


def test_a_reader_that_does_not_take_the_settings_is_given_up(world: SessionWorld) -> None:
    world.reader.settles = False
    world.pass_time(6000)
    assert (down_for(world), world.events("link_up")) == ("no_answer", [])


def test_every_question_has_its_answer(world: SessionWorld) -> None:
    world.connected()
    assert world.ask(messages.OPEN_VISIT).body == bytes(32)
    standing = world.ask(messages.IDENTIFY, b"certificate")
    assert messages.unpack_standing(standing.body) == (True, 5, messages.ASK_CONSENTS | messages.ASK_PRESCRIPTIONS)
    receipt = world.ask(messages.DELIVER, b"sealed record")
    assert (receipt.kind, messages.unpack_receipt(receipt.body)) == (messages.RECEIPT, (CTI, True, ""))
    chain = (world.certificate, world.identity.authority)
    assert world.desk.asked[-1] == ("accept", chain, b"sealed record")
    assert world.ask(messages.CALL_RECEPTION).kind == messages.DONE
    assert world.desk.asked[-1] == ("reception_called", DEVICE)
    verdict = world.ask(messages.CHECK_PASSCODE, messages.pack_passcode("1234"))
    assert messages.unpack_verdict(verdict.body) == (messages.PASSCODE_WRONG, 3)


@pytest.mark.parametrize("status", CertificateStatus)
def test_each_status_of_a_certificate_has_its_number(world: SessionWorld, status: CertificateStatus) -> None:
    answer = world.connected().ask(messages.REVOCATION, status.encode())
    expected = "uncertain" if status is CertificateStatus.UNKNOWN else status
    assert (answer.kind, answer.body) == (messages.CERTIFICATE_STATUS, bytes([getattr(messages, expected.upper())]))


def test_prescriptions_travel_with_day_and_issuer(world: SessionWorld) -> None:
    longest = Prescription("E" * messages.MAX_PRESCRIPTION_ID, "20260901", "医" * (messages.MAX_ISSUER_NAME // 3))
    world.desk.listed = (longest,) * messages.MAX_PRESCRIPTIONS
    answer = world.connected().ask(messages.PRESCRIPTIONS, bytes(32))
    found = messages.unpack_prescriptions(answer.body)
    assert found == [(longest.id.encode(), 20260901, longest.issuer)] * messages.MAX_PRESCRIPTIONS


def test_what_is_no_question_is_answered_as_such_and_the_session_goes_on(world: SessionWorld) -> None:
    world.connected()
    for kind, body in (
        (messages.NONCE, bytes(32)),
        (messages.PRESCRIPTIONS, b"short"),
        (messages.CHECK_PASSCODE, b"\0\x04123"),
        (messages.RENEW, b"no request"),
    ):
        answer = world.ask(kind, body)
        assert (answer.kind, answer.body) == (messages.ERROR, bytes([messages.NOT_UNDERSTOOD]))
    assert world.ask(messages.OPEN_VISIT).kind == messages.NONCE


def test_a_record_that_cannot_be_stored_gets_no_receipt_until_it_is(world: SessionWorld) -> None:
    world.connected()
    world.desk.receipt = DiskFull()
    answer = world.ask(messages.DELIVER, b"sealed")
    assert (answer.kind, answer.body) == (messages.ERROR, bytes([messages.CANNOT]))
    assert world.events("answer_failed")[0]["reason"] == "DiskFull"
    world.desk.receipt = ACCEPTED
    assert world.ask(messages.DELIVER, b"sealed").kind == messages.RECEIPT


def test_where_there_is_no_passcode_the_answer_is_that_it_cannot(world: SessionWorld) -> None:
    answer = world.connected().ask(messages.CHECK_PASSCODE, messages.pack_passcode(""))
    assert (answer.kind, answer.body) == (messages.ERROR, bytes([messages.CANNOT]))


def test_an_answer_that_takes_seconds_costs_no_connection(world: SessionWorld) -> None:
    world.connected()
    world.desk.takes_ms = 3500
    for number in range(1, 5):
        assert world.ask(messages.IDENTIFY, b"certificate", number).kind == messages.STANDING
    assert world.events("link_down") == []
    assert len(world.desk.asked) == 4


def test_of_two_questions_at_once_the_first_is_answered_before_the_second_is_looked_at(world: SessionWorld) -> None:
    """As of every visit: a patient's standing, and the state of the certificate."""
    world.connected()
    world.desk.takes_ms = 3000
    world.reader.line.send(messages.IDENTIFY, 7, b"certificate", world.now)
    world.reader.line.send(messages.REVOCATION, 8, b"good", world.now)
    asked_at = world.now
    while len(world.desk.asked) < 2:
        world.pass_time(STEP_MS)
    world.carry()
    assert [(answer.kind, answer.request) for answer in world.reader.answers] == [(messages.STANDING, 7)]
    world.pass_time(500)
    assert world.reader.answers[1].kind == messages.CERTIFICATE_STATUS
    assert world.now - asked_at < 7000
    assert world.events("link_down") == []


def test_a_reader_that_asks_on_and_hardly_takes_the_answers_is_put_out_before_they_pile_up(
    world: SessionWorld,
) -> None:
    world.connected()
    world.desk.listed = tuple(Prescription(f"{number:032d}", "20260101", "x" * 96) for number in range(16))
    world.pass_time(100)
    held: list[bytes] = []
    said, wait_until = world.reader.line.output, world.now + 3500

    def output() -> bytes:
        """One acknowledgement in 3.5 s: just enough to stay."""
        nonlocal wait_until
        kept = b""
        for piece in filter(None, said().split(b"\0")):
            one = frame.decode(piece, cobs)
            if one is not None and one.kind == frame.ACK:
                held[:] = [b"\0" + piece + b"\0"]
            else:
                kept += b"\0" + piece + b"\0"
        if world.now >= wait_until:
            wait_until = world.now + 3500
            kept += b"".join(held)
        return kept

    world.reader.line.output = output  # type: ignore[method-assign]
    for number in range(1, 400):
        if not world.reader.lost:
            world.reader.line.send(messages.PRESCRIPTIONS, number, bytes(32), world.now)
            world.pass_time(20)
    assert world.events("link_down")[0]["reason"] == "too_many_questions"
    assert len(world.desk.asked) < 10


def test_a_question_is_acknowledged_before_it_is_answered(world: SessionWorld) -> None:
    world.connected()
    world.pass_time(100)
    world.reader.line.send(messages.OPEN_VISIT, 7, b"", world.now)
    world.session.feed(world.reader.line.output(), world.now)
    assert world.session.output()
    assert world.desk.asked == []
    assert world.session.due() == 0
    world.session.tick(world.now)
    assert world.desk.asked == [("open_visit", DEVICE)]


def test_a_question_of_a_lost_connection_is_answered_to_nobody(world: SessionWorld) -> None:
    world.connected()
    world.pass_time(100)
    world.reader.line.send(messages.OPEN_VISIT, 7, b"", world.now)
    world.session.feed(world.reader.line.output(), world.now)
    assert world.session.due() == 0
    world.session.fell("port_gone")
    world.session.start(world.now)
    world.pass_time(3000)
    assert len(world.events("link_up")) == 2
    assert world.desk.asked == []
    assert world.reader.answers == []


def test_a_reader_denied_during_a_session_is_cut_off_at_once(world: SessionWorld) -> None:
    world.connected()
    world.identity.devices.deny(DEVICE, NOW)
    world.reader.line.send(messages.DELIVER, 7, b"sealed", world.now)
    world.pass_time(100)
    assert (refused_for(world), world.desk.asked, world.reader.answers) == ("denied", [], [])
    assert world.events("link_refused")[0]["device"] == DEVICE
    world.pass_time(20_000)
    assert len(world.events("link_refused")) == 1  # told once, though it tries again and again
    assert len(world.reader.settings) == 1


def test_an_idle_session_of_a_denied_or_unpaired_reader_ends_within_a_second(world: SessionWorld) -> None:
    world.connected()
    world.identity.devices.unpair(DEVICE)
    world.pass_time(LOOK_MS + 100)
    assert refused_for(world) == "not_paired"
    assert world.reader.lost == ["refused_by_other_end"]


def test_without_a_denylist_no_reader_is_served_until_it_is_back(world: SessionWorld) -> None:
    world.connected()
    listed = world.identity.denylist.file.read_bytes()
    world.identity.denylist.file.unlink()
    world.pass_time(5000)
    assert refused_for(world) == "denylist_unusable"
    world.identity.denylist.file.write_bytes(listed)
    world.pass_time(5000)
    assert len(world.events("link_up")) == 2


def test_a_renewed_identity_serves_from_its_first_session_and_ends_the_one_before(world: SessionWorld) -> None:
    world.connected()
    answer = world.ask(messages.RENEW, world.device.request())
    assert answer.kind == messages.ISSUED
    renewed = x509.load_der_x509_certificate(answer.body)
    assert LIFE - timedelta(minutes=1) < renewed.not_valid_after_utc - datetime.now(UTC) <= LIFE
    assert world.ask(messages.OPEN_VISIT).kind == messages.NONCE  # the old one still serves
    world.reader = world.reader_with(answer.body)
    world.session.start(world.now)
    world.pass_time(3000)
    assert len(world.events("link_up")) == 2
    world.reader = world.reader_with(world.certificate)
    world.session.start(world.now)
    world.pass_time(3000)
    assert refused_for(world) == "not_paired"


def test_a_renewal_for_another_name_is_not_granted(world: SessionWorld) -> None:
    answer = world.connected().ask(messages.RENEW, world.device.request("READER-0002"))
    assert (answer.kind, answer.body) == (messages.ERROR, bytes([messages.NOT_UNDERSTOOD]))
    assert [file.name for file in world.identity.devices.folder.glob("*.pem")] == [f"{DEVICE}.pem"]


@pytest.mark.parametrize(
    ("since", "reason", "state"),
    [
        (timedelta(days=-31), "certificate_expired", "expired"),
        (timedelta(days=2), "certificate_not_yet_valid", "clock"),
    ],
)
def test_a_certificate_out_of_its_dates_is_told_by_its_code(
    world: SessionWorld, since: timedelta, reason: str, state: str
) -> None:
    world.reader = world.reader_with(world.pair(since=since))
    world.pass_time(1000)
    assert (down_for(world), state_of(down_for(world))) == (reason, state)


def test_a_reader_that_is_not_paired_with_anybody_is_told_apart(world: SessionWorld) -> None:
    world.reader.line = SecureChannel(Channel(False, os.urandom, PAIRING, cobs), no_tls)
    world.reader.line.start(0)
    world.pass_time(10_000)
    assert [event["reason"] for event in world.events("link_down")] == ["unpaired"]


class Mute:
    """A reader's channel, and nothing that would answer TLS on it."""

    def __init__(self) -> None:
        self.channel = Channel(False, os.urandom, SESSION, cobs)
        self.channel.start(0)
        self.opened = 0

    def feed(self, data: bytes, now: int) -> list[Event]:
        self.opened += [kind for kind, _, _ in self.channel.feed(data, now)].count(CONNECTED)
        return []

    def tick(self, now: int) -> list[Event]:
        self.channel.tick(now)
        return []

    def output(self) -> bytes:
        return self.channel.output()


def test_a_reader_that_opens_and_gets_no_further_is_told_and_tried_anew(world: SessionWorld) -> None:
    mute = Mute()
    world.reader.line = mute  # type: ignore[assignment]
    world.pass_time(9000)
    assert world.events("link_down") == []
    world.pass_time(30_000)
    assert [event["reason"] for event in world.events("link_down")] == ["no_answer"]
    assert 3 <= mute.opened <= 5


def test_a_port_where_nobody_answers_is_told_after_four_seconds(world: SessionWorld) -> None:
    world.cut = True
    world.pass_time(3500)
    assert world.events("link_down") == []
    world.pass_time(2000)
    assert down_for(world) == "no_answer"
    world.cut = False
    world.connected()


def test_another_device_on_the_port_is_told_and_so_is_an_echo(world: SessionWorld) -> None:
    world.noise = b"\0\x05OK\r\n\0"
    world.pass_time(6000)
    assert down_for(world) == "foreign_device"
    world.noise = b""
    world.connected()
    world.session.fell("port_gone")
    world.session.start(world.now)
    for _ in range(600):
        world.now += 10
        world.session.feed(world.session.output(), world.now)
        world.session.tick(world.now)
    assert down_for(world) == "foreign_device"
