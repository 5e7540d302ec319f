"""The reader's side of pairing: who gets to give it an identity, and who does not."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from small_disk import limited

from board.demo.pair import NotPaired, pair
from board.sim.keystore import make_device
from firmware.link.enrolment import TRY_MS, Comparing, Enrolment, Failed, News, Paired
from firmware.link.state import open_journal, open_keys
from firmware.link.trust import paired_bridge
from firmware.wire import cobs, enrolment
from firmware.wire.channel import CONNECTED, PAIRING, RECEIVED, SESSION, Channel
from firmware.wire.enrolment import HAND_MS, STEP_MS, Steps
from host_bridge.certificates import issue, name
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase

DEVICE = "READER-0001"


@pytest.fixture
def bridge(tmp_path: Path) -> BridgeIdentity:
    return create_bridge(tmp_path / "bridge")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    make_device(tmp_path / "reader" / "identity", DEVICE)
    return tmp_path / "reader"


class Reader:
    """A reader that is not paired, and what it tells."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.keys = open_keys(state)
        self.journal = open_journal(state, paired=False)
        self.news: list[News] = []
        self.end = Enrolment(self.keys, self.journal, cobs, os.urandom, self.news.append)

    @property
    def code(self) -> str:
        shown = self.news[-1]
        assert isinstance(shown, Comparing)
        return shown.code

    def is_paired(self) -> bool:
        """As the next program on this state sees it."""
        return open_keys(self.state).local() is not None


@pytest.fixture
def reader(state: Path) -> Iterator[Reader]:
    reader = Reader(state)
    yield reader
    reader.journal.close()


class Line:
    """The cable between a reader and a host, with time of its own."""

    def __init__(self, reader: Reader, host: "Pairing | Steps", now: int = 5_000_000) -> None:
        self.now = now
        self.reader = reader
        self.host = host
        self.heard: list[tuple[int, int, bytes]] = []
        reader.end.start(self.now)
        host.start(self.now)

    def wait(self, ms: int = 0) -> None:
        end = self.now + ms
        while True:
            self.carry()
            if self.now >= end:
                return
            dues = [at for at in (self.reader.end.due(), self.host.due()) if at is not None and at > self.now]
            self.now = min([end, *dues])

    def carry(self) -> None:
        quiet = False
        while not quiet:
            self.heard += self.host.tick(self.now) or []
            self.reader.end.tick(self.now)
            to_reader, to_host = self.host.output(), self.reader.end.output()
            self.reader.end.feed(to_reader, self.now)
            self.heard += self.host.feed(to_host, self.now) or []
            quiet = not to_reader and not to_host

    def cut(self) -> None:
        self.reader.end.gone("port_gone", self.now)


def makers(state: Path) -> Makers:
    return Makers(state / "identity" / "maker_root.pem", state / "identity" / "maker_revoked.pem")


def met(reader: Reader, bridge: BridgeIdentity, now: int = 5_000_000) -> tuple[Line, Pairing]:
    """As far as the code on both sides."""
    host = Pairing(bridge, makers(reader.state), cobs)
    line = Line(reader, host, now)
    line.wait(100)
    assert host.phase is Phase.CODE
    return line, host


def test_staff_type_the_code_and_touch_the_button_and_the_reader_is_paired(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    line, host = met(reader, bridge)
    assert host.type_code(reader.code, line.now)
    line.wait(1000)
    assert host.phase is Phase.TOUCH and not reader.is_paired()
    reader.end.confirm(line.now)
    line.wait(1000)
    assert host.phase is Phase.PAIRED
    assert reader.news[-1] == Paired(bridge.bridge_id.hex())
    local = open_keys(reader.state).local()
    assert local is not None
    assert paired_bridge(local) == bridge.bridge_id.hex()
    assert bridge.devices.serving(local.chain()[0]) == DEVICE


def test_the_button_may_be_touched_before_the_code_is_typed(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    reader.end.confirm(line.now)
    line.wait(5000)
    assert not reader.is_paired()
    assert host.type_code(reader.news[0].code, line.now)  # type: ignore[union-attr]
    line.wait(1000)
    assert host.phase is Phase.PAIRED and reader.is_paired()


def test_a_code_that_was_typed_wrong_pairs_nobody(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    wrong = f"{(int(reader.code) + 1) % 1_000_000:06d}"
    reader.end.confirm(line.now)
    for _ in range(3):
        assert not host.type_code(wrong, line.now)
    line.wait(1000)
    assert reader.news[-1] == Failed("terminal_refused")
    assert not reader.is_paired()


def test_a_button_that_nobody_touches_pairs_nobody(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    assert host.type_code(reader.code, line.now)
    line.wait(HAND_MS + 1000)
    assert isinstance(reader.news[-1], Failed)
    reader.end.confirm(line.now)
    line.wait(1000)
    assert host.phase is Phase.REFUSED and not reader.is_paired()


def test_a_person_at_the_reader_can_stop_it(reader: Reader, bridge: BridgeIdentity) -> None:
    line, host = met(reader, bridge)
    reader.end.stop(line.now)
    line.wait(100)
    assert host.phase is Phase.REFUSED and host.refused is not None and "stopped at the reader" in str(host.refused)
    assert not reader.is_paired()


def test_a_stolen_reader_on_its_makers_list_is_refused(bridge: BridgeIdentity, tmp_path: Path) -> None:
    make_device(tmp_path / "stolen" / "identity", DEVICE, revoked=True)
    with pytest.raises(NotPaired, match="revoked"):
        pair(bridge, tmp_path / "stolen")
    assert open_keys(tmp_path / "stolen").local() is None


def test_a_reader_of_a_maker_nobody_knows_is_refused(bridge: BridgeIdentity, state: Path, tmp_path: Path) -> None:
    make_device(tmp_path / "other" / "identity", DEVICE)
    with pytest.raises(NotPaired):
        pair(bridge, state, makers=makers(tmp_path / "other"))
    assert open_keys(state).local() is None


def test_somebody_between_reader_and_terminal_is_seen_by_two_codes(
    reader: Reader, bridge: BridgeIdentity, tmp_path: Path
) -> None:
    """Somebody with an authority of their own relays each step, and swaps what they must."""
    stranger = create_bridge(tmp_path / "stranger")
    make_device(tmp_path / "second" / "identity", "READER-0002")
    thief = Reader(tmp_path / "second")  # a genuine reader in the stranger's hands
    terminal = Line(thief, Pairing(bridge, makers(thief.state), cobs))
    terminal.wait(100)
    line, _ = met(reader, stranger)
    assert reader.code != thief.code
    assert not terminal.host.type_code(reader.code, line.now)  # type: ignore[union-attr]
    thief.journal.close()


def test_a_reader_gives_a_new_nonce_every_eight_seconds_at_most_and_keeps_the_honest_host_waiting(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    """Whoever sits on the cable could try nonces until one gives the code that the terminal shows."""
    host = Forged(bridge)
    line = Line(reader, host.steps)
    for _ in range(20):  # in four seconds
        host.greet(line)
        line.wait(200)
        host.steps.start(line.now)
    assert sum(step == enrolment.IDENTITY for _, step, _ in line.heard) == 1
    honest = Pairing(bridge, makers(reader.state), cobs)
    line.host = honest
    honest.start(line.now)
    line.wait(TRY_MS)
    assert honest.phase is Phase.CODE
    assert honest.type_code(reader.code, line.now)


def test_a_touch_meant_for_a_code_that_has_just_failed_does_not_fall_on_another_one(
    reader: Reader, bridge: BridgeIdentity, tmp_path: Path
) -> None:
    """Staff have typed the code, look at the terminal, and touch; whoever sits on the cable has cut in between."""
    line, host = met(reader, bridge)
    line.wait(30_000)
    assert host.type_code(reader.code, line.now)
    forged = Forged(create_bridge(tmp_path / "forged"))
    line.host = forged.steps
    forged.steps.start(line.now)
    forged.greet(line)
    line.wait(TRY_MS - 500)
    reader.end.confirm(line.now)
    assert reader.news[1:] == [Failed("connection_lost")] and line.heard[1:] == []
    line.wait(500)  # the next try is not lost, only late
    forged.say(line, enrolment.REVEAL, forged.nonce)
    assert isinstance(reader.news[-1], Comparing)


class Forged:
    """A host that says what it likes, in the order it likes."""

    def __init__(self, bridge: BridgeIdentity) -> None:
        self.bridge = bridge
        self.nonce = os.urandom(32)
        self.steps = Steps(Channel(True, os.urandom, PAIRING, cobs))

    def greet(self, line: Line, authority: bytes | None = None) -> None:
        line.wait(100)
        hello = enrolment.pack_hello(authority or self.bridge.authority, enrolment.commitment(self.nonce))
        self.steps.send(enrolment.HELLO, hello, line.now)
        line.wait(100)

    def say(self, line: Line, step: int, body: bytes = b"") -> None:
        self.steps.send(step, body, line.now)
        line.wait(100)

    def request(self, line: Line) -> bytes:
        body = next(body for kind, step, body in line.heard if kind == RECEIVED and step == enrolment.IDENTITY)
        return enrolment.unpack_identity(body)[1]


def reason(line: Line) -> str:
    """The last word of the reader to its host."""
    kind, step, body = line.heard[-1]
    assert (kind, step) == (RECEIVED, enrolment.REFUSED), line.heard[-1][:2]
    return enrolment.unpack_reason(body)


def issued(bridge: BridgeIdentity, request: bytes) -> bytes:
    key = x509.load_der_x509_csr(request).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    maker = x509.load_der_x509_certificate(bridge.authority)  # any will do
    return bridge.devices.pair(DEVICE, key, maker, timedelta(days=30), datetime.now(UTC))


def test_a_nonce_other_than_the_one_committed_to_gives_no_code(reader: Reader, bridge: BridgeIdentity) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    host.say(line, enrolment.REVEAL, os.urandom(32))
    assert reason(line) == "a nonce other than the one committed to"
    assert not any(isinstance(news, Comparing) for news in reader.news)


@pytest.mark.parametrize("step", [enrolment.HELLO, enrolment.ISSUED, enrolment.PROOF, enrolment.DONE])
def test_a_step_out_of_its_order_ends_it(reader: Reader, bridge: BridgeIdentity, step: int) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    host.say(line, step, bytes(64) if step == enrolment.PROOF else b"")
    assert reason(line) == "a step out of its order"
    host.say(line, enrolment.REVEAL, host.nonce)
    reader.end.confirm(line.now)
    assert isinstance(reader.news[-1], Failed) and not reader.is_paired()


def authority(
    number: str = "ab" * 16, role: x509.ObjectIdentifier | None = None, *, signed_by_itself: bool = True
) -> bytes:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    signer = key if signed_by_itself else ec.generate_private_key(ec.SECP256R1())
    subject = name("Authority", number)
    made = issue(subject, key.public_key(), subject, signer, role, now, now + timedelta(days=1))
    return made.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    "certificate",
    [
        b"",
        b"certificate",
        bytes(4000),
        authority("Hanako Mihon"),
        authority("AB" * 16),
        authority(role=ExtendedKeyUsageOID.CLIENT_AUTH),
        authority(signed_by_itself=False),
    ],
    ids=["empty", "word", "zeros", "naming a person", "in capitals", "a host's", "signed by another"],
)
def test_an_authority_that_is_none_ends_it(reader: Reader, bridge: BridgeIdentity, certificate: bytes) -> None:
    """The name of a bridge goes into the event log."""
    host = Forged(bridge)
    line = Line(reader, host.steps)
    line.wait(100)
    hello = enrolment.pack_hello(certificate, enrolment.commitment(host.nonce))
    host.say(line, enrolment.HELLO, hello)
    assert reason(line) == "the terminal's authority is none"


def wrong_key(bridge: BridgeIdentity, request: bytes, stranger: BridgeIdentity) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.load_der_x509_csr(request).subject)
    return issued(bridge, csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def for_another(role: x509.ObjectIdentifier, device: str) -> Callable[[BridgeIdentity, bytes, BridgeIdentity], bytes]:
    """By the right authority, to the right key."""

    def make(bridge: BridgeIdentity, request: bytes, stranger: BridgeIdentity) -> bytes:
        authority = x509.load_der_x509_certificate(bridge.authority)
        authority_key = serialization.load_pem_private_key((bridge.folder / "ca.key").read_bytes(), None)
        key, now = x509.load_der_x509_csr(request).public_key(), datetime.now(UTC)
        assert isinstance(key, ec.EllipticCurvePublicKey) and isinstance(authority_key, ec.EllipticCurvePrivateKey)
        subject = name("Face card reader", device)
        forged = issue(subject, key, authority.subject, authority_key, role, now, now + timedelta(days=1))
        return forged.public_bytes(serialization.Encoding.DER)

    return make


FORGERIES: dict[str, tuple[Callable[[BridgeIdentity, bytes, BridgeIdentity], bytes], str]] = {
    "another key": (wrong_key, "the terminal issued it to another key"),
    "another authority": (
        lambda bridge, request, stranger: issued(stranger, request),
        "what the terminal issued is not of its authority",
    ),
    "the authority itself": (
        lambda bridge, request, stranger: bridge.authority,
        "what the terminal issued is not of its authority",
    ),
    "another use": (for_another(ExtendedKeyUsageOID.CLIENT_AUTH, DEVICE), "the terminal issued it for another use"),
    "another reader": (
        for_another(ExtendedKeyUsageOID.SERVER_AUTH, "READER-0002"),
        "the terminal issued it to another reader",
    ),
    "garbage": (lambda bridge, request, stranger: b"cert", "what the terminal issued is not of its authority"),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_an_identity_that_is_not_for_this_reader_is_not_taken_however_it_is_confirmed(
    reader: Reader,
    bridge: BridgeIdentity,
    tmp_path: Path,
    forgery: tuple[Callable[[BridgeIdentity, bytes, BridgeIdentity], bytes], str],
) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    host.say(line, enrolment.REVEAL, host.nonce)
    reader.end.confirm(line.now)
    make, why = forgery
    host.say(line, enrolment.ISSUED, make(bridge, host.request(line), create_bridge(tmp_path / "stranger")))
    assert reason(line) == why
    assert not reader.is_paired()


@pytest.mark.parametrize("stage", ["greeted", "code", "issued", "confirmed"])
def test_a_cable_that_is_pulled_at_any_stage_leaves_the_reader_unpaired_and_ready_for_the_next_try(
    reader: Reader, bridge: BridgeIdentity, stage: str
) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    if stage != "greeted":
        host.say(line, enrolment.REVEAL, host.nonce)
    if stage == "issued":
        host.say(line, enrolment.ISSUED, issued(bridge, host.request(line)))
    if stage == "confirmed":
        reader.end.confirm(line.now)
    line.cut()
    reader.end.confirm(line.now)
    assert reader.news[-1] == Failed("port_gone") and not reader.is_paired()
    again, host_again = met(reader, bridge, line.now + TRY_MS)
    host_again.type_code(reader.code, again.now)
    again.wait(100)
    reader.end.confirm(again.now)
    again.wait(1000)
    assert reader.is_paired()


def test_a_host_that_stops_in_the_middle_is_given_up(reader: Reader, bridge: BridgeIdentity) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    line.wait(STEP_MS + 100)
    assert reason(line) == "it took too long"


def test_a_disk_that_takes_nothing_leaves_the_reader_unpaired_and_says_so(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    line, host = met(reader, bridge)
    host.type_code(reader.code, line.now)
    line.wait(100)
    with limited(reader.state) as disk:
        disk.refuse()
        reader.end.confirm(line.now)
    line.wait(1000)
    assert reader.news[-1] == Failed("the reader cannot keep it") and not reader.is_paired()
    assert host.phase is Phase.REFUSED


def test_records_of_a_pairing_before_are_wiped_when_the_next_one_is_made(
    reader: Reader, bridge: BridgeIdentity
) -> None:
    reader.journal.put(b"c" * 16, 1, bytes(32), b"sealed to somebody else")
    line, host = met(reader, bridge)
    host.type_code(reader.code, line.now)
    reader.end.confirm(line.now)
    line.wait(1000)
    assert reader.is_paired()
    assert (reader.journal.undelivered(), reader.journal.last()[0]) == (0, 1)


def test_a_session_is_not_begun_with_a_reader_that_is_to_be_paired(reader: Reader, bridge: BridgeIdentity) -> None:
    line = Line(reader, Steps(Channel(True, os.urandom, SESSION, cobs)))
    line.wait(5000)
    assert not any(kind == CONNECTED for kind, _, _ in line.heard)
    assert reader.news == []
