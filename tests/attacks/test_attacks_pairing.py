"""Pairing: who gets no identity, and who gets no reader; after each the same reader pairs, with the genuine bridge."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attack_rig import DER, PEM, Line, load_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from firmware.cobs import codec
from firmware.link.enrolment import Comparing, Enrolment, Failed, News, Paired
from firmware.link.journal import Journal
from firmware.link.keys import FileKeyStore, es256
from firmware.link.state import journal_file
from firmware.wire import enrolment as wire
from firmware.wire.channel import PAIRING, RECEIVED, Channel
from firmware.wire.enrolment import Steps
from host_bridge.certificates import issue, key_pem, name
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase
from host_bridge.pairing_refused import Why

NOW = datetime.now(UTC)
EVER = NOW + timedelta(days=9999)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Maker:
    """Who makes readers, and keeps a list of those that were stolen."""

    def __init__(self, folder: Path, called: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name("Maker", called)
        self.root = issue(self.name, self.key.public_key(), self.name, self.key, None, NOW, EVER)
        (folder / "roots.pem").write_bytes(self.root.public_bytes(PEM))
        self.publish()

    def publish(
        self,
        *stolen: bytes,
        key: ec.EllipticCurvePrivateKey | None = None,
        since: datetime = NOW - timedelta(days=1),
        until: datetime = EVER,
    ) -> None:
        """The list, with the readers of these IDevIDs (DER)."""
        listed = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(since).next_update(until)
        for one in stolen:
            number = x509.load_der_x509_certificate(one).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(since).build()
            listed = listed.add_revoked_certificate(entry)
        (self.folder / "revoked.pem").write_bytes(listed.sign(key or self.key, hashes.SHA256()).public_bytes(PEM))

    def make(self, state: Path, serial: str) -> Path:
        """A reader out of its factory."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = issue(name("Reader", serial), key.public_key(), self.name, self.key, CLIENT, NOW, EVER)
        folder = state / "identity" / "idevid"
        folder.mkdir(parents=True)
        (folder / "key.pem").write_bytes(key_pem(key))
        (folder / "chain.pem").write_bytes(made.public_bytes(PEM) + self.root.public_bytes(PEM))
        return state

    def makers(self) -> Makers:
        return Makers(self.folder / "roots.pem", self.folder / "revoked.pem")


@dataclass
class Device:
    """A genuine reader that is not paired."""

    state: Path
    news: list[News] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = FileKeyStore(self.state / "identity")
        self.journal = Journal.make(journal_file(self.state))
        self.end = Enrolment(self.keys, self.journal, codec(), os.urandom, self.news.append)

    def code(self) -> str:
        return [one.code for one in self.news if isinstance(one, Comparing)][-1]

    def failed(self) -> list[str]:
        return [one.reason for one in self.news if isinstance(one, Failed)]

    @property
    def idevid(self) -> bytes:
        return self.keys.maker_chain()[0]


Said = list[tuple[int, bytes]]


class Liar:
    """An end of pairing that says what a test wants."""

    def __init__(self, *, host: bool) -> None:
        self._steps = Steps(Channel(host, os.urandom, PAIRING, codec()))
        self.greeting: Said = []
        self.answers: dict[int, Callable[[bytes], Said | None]] = {}
        self.heard: dict[int, bytes] = {}
        self.later: Said = []
        """Said at the next tick."""

    def start(self, now: int) -> None:
        self._steps.start(now)

    def gone(self, reason: str, now: int) -> None:
        self._steps.start(now)

    def feed(self, data: bytes, now: int) -> None:
        self._follow(self._steps.feed(data, now), now)

    def tick(self, now: int) -> None:
        self._follow(self._steps.tick(now), now)
        while self.later:
            self._steps.send(*self.later.pop(0), now)

    def due(self) -> int | None:
        return self._steps.due()

    def output(self) -> bytes:
        return self._steps.output()

    def _follow(self, events: list[tuple[int, int, bytes]], now: int) -> None:
        for kind, step, body in events:
            said = self.greeting
            if kind == RECEIVED:
                self.heard[step] = body
                said = self.answers.get(step, lambda _: [])(body)
            for one in said or ():
                self._steps.send(*one, now)


@dataclass
class Hall:
    """The reception where a reader is to be paired."""

    folder: Path
    identity: BridgeIdentity
    maker: Maker
    device: Device

    def host(self, makers: Makers | None = None) -> Pairing:
        return Pairing(self.identity, makers or self.maker.makers(), codec())

    def refused(self, makers: Makers | None = None, reader: Device | Liar | None = None) -> str | None:
        """Why the genuine bridge ends it, before anybody has typed anything."""
        host = self.host(makers)
        Line(host, reader.end if isinstance(reader, Device) else reader or self.device.end).run(500)
        assert host.phase is Phase.REFUSED
        assert host.refused is not None
        self.nothing_was_issued()
        return host.refused.why

    def nothing_was_issued(self) -> None:
        assert list(self.identity.devices.folder.glob("*.pem")) == []
        assert self.device.keys.local() is None

    def pairs(self) -> None:
        """As it should be."""
        host, device = self.host(), self.device
        line = Line(host, device.end, now=10_000_000)
        line.run(500)
        assert host.phase is Phase.CODE
        assert host.type_code(device.code(), line.now)
        line.run(100)
        device.end.confirm(line.now)
        line.run(1000)
        assert host.phase is Phase.PAIRED
        assert device.news[-1] == Paired(self.identity.bridge_id.hex())
        local = device.keys.local()
        assert local is not None
        assert self.identity.devices.serving(local.chain()[0]) == "READER-0001"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    maker = Maker(tmp_path / "maker", "MAKER")
    device = Device(maker.make(tmp_path / "reader", "READER-0001"))
    yield Hall(tmp_path, create_bridge(tmp_path / "bridge"), maker, device)
    device.journal.close()


# who the reader is


def test_a_reader_of_a_maker_that_is_not_trusted_is_refused(hall: Hall) -> None:
    other = Maker(hall.folder / "other", "OTHER")
    assert hall.refused(other.makers()) == Why.MAKER_UNKNOWN
    assert hall.device.failed() == ["terminal_refused"]
    hall.pairs()


def test_a_maker_that_only_has_the_name_of_a_trusted_one_is_refused(hall: Hall) -> None:
    twin = Maker(hall.folder / "twin", "MAKER")
    assert hall.refused(twin.makers()) == Why.MAKER_UNKNOWN
    hall.pairs()


def test_a_stolen_reader_on_its_makers_list_is_refused(hall: Hall) -> None:
    hall.maker.publish(hall.device.idevid)
    assert hall.refused() == Why.REVOKED_BY_MAKER
    hall.maker.publish()
    hall.pairs()


LISTS: dict[str, tuple[str, Callable[[Maker], object]]] = {
    "missing": (Why.LIST_MISSING, lambda maker: (maker.folder / "revoked.pem").unlink()),
    "empty": (Why.LIST_MISSING, lambda maker: (maker.folder / "revoked.pem").write_bytes(b"")),
    "expired": (Why.LIST_EXPIRED, lambda maker: maker.publish(until=NOW - timedelta(hours=1))),
    "of another maker": (
        Why.LIST_MISSING,
        lambda maker: (maker.folder / "revoked.pem").write_bytes(
            (Maker(maker.folder / "other", "OTHER").folder / "revoked.pem").read_bytes()
        ),
    ),
    "forged": (Why.LIST_FORGED, lambda maker: maker.publish(key=ec.generate_private_key(ec.SECP256R1()))),
    "of tomorrow": (Why.CLOCK, lambda maker: maker.publish(since=NOW + timedelta(days=1))),
    "damaged": (
        Why.LIST_UNUSABLE,
        lambda maker: (maker.folder / "revoked.pem").write_bytes(
            b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
        ),
    ),
}


@pytest.mark.parametrize("what", LISTS)
def test_without_its_makers_list_no_reader_is_taken_when_it_is(hall: Hall, what: str) -> None:
    why, spoil = LISTS[what]
    spoil(hall.maker)
    assert hall.refused() == why
    hall.maker.publish()
    hall.pairs()


def test_an_older_list_that_does_not_name_the_stolen_reader_yet_does_not_help_it(hall: Hall) -> None:
    """Both lists are in the file."""
    file = hall.maker.folder / "revoked.pem"
    old = file.read_bytes()
    hall.maker.publish(hall.device.idevid, since=NOW)
    file.write_bytes(file.read_bytes() + old)
    assert hall.refused() == Why.REVOKED_BY_MAKER
    hall.maker.publish()
    hall.pairs()


def test_a_reader_on_the_facilitys_denylist_is_refused(hall: Hall) -> None:
    hall.identity.devices.deny("READER-0001", NOW)
    assert hall.refused() == Why.DENIED
    other = Device(hall.maker.make(hall.folder / "other", "READER-0002"))
    hall.device = other
    host = hall.host()
    Line(host, other.end).run(500)
    assert host.phase is Phase.CODE
    other.journal.close()


def test_without_a_denylist_no_reader_is_taken(hall: Hall) -> None:
    file = hall.identity.denylist.file
    genuine = file.read_bytes()
    file.unlink()
    assert hall.refused() == Why.DENYLIST_UNUSABLE
    file.write_bytes(genuine)
    hall.pairs()


# a device that is not the reader it says


def reader_that_says(
    chain: list[bytes], request: bytes, prove: Callable[[bytes, bytes], bytes], nonce: bytes | None = None
) -> Liar:
    """`prove(hello, reveal)` makes the signature."""
    liar = Liar(host=False)
    liar.answers[wire.HELLO] = lambda hello: [
        (wire.IDENTITY, wire.pack_identity(chain, request, nonce or bytes(wire.NONCE_SIZE)))
    ]
    liar.answers[wire.REVEAL] = lambda reveal: [(wire.PROOF, prove(liar.heard[wire.HELLO], reveal))]
    return liar


def request_of(serial: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, serial)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(DER)


def proof_by(key: ec.EllipticCurvePrivateKey, idevid: bytes, request: bytes) -> Callable[[bytes, bytes], bytes]:
    def prove(hello: bytes, host_nonce: bytes) -> bytes:
        authority, _ = wire.unpack_hello(hello)
        seen = wire.transcript(authority, idevid, request, host_nonce, bytes(wire.NONCE_SIZE))
        return es256(key, wire.signed(seen))

    return prove


def makers_key(device: Device) -> ec.EllipticCurvePrivateKey:
    return load_key(device.state / "identity" / "idevid" / "key.pem")


def test_the_rigs_reader_is_taken_where_it_tells_the_truth(hall: Hall) -> None:
    """So that what follows is refused for its lie."""
    request = request_of("READER-0001", ec.generate_private_key(ec.SECP256R1()))
    chain = list(hall.device.keys.maker_chain())
    host = hall.host()
    honest = reader_that_says(chain, request, proof_by(makers_key(hall.device), chain[0], request))
    Line(host, honest).run(500)
    assert host.phase is Phase.CODE


def test_a_chain_without_its_key_proves_nothing(hall: Hall) -> None:
    """Certificates are public; the maker's key never leaves its reader."""
    own = ec.generate_private_key(ec.SECP256R1())
    request, chain = request_of("READER-0001", own), list(hall.device.keys.maker_chain())
    assert hall.refused(reader=reader_that_says(chain, request, proof_by(own, chain[0], request))) == Why.PROOF
    hall.pairs()


def test_a_proof_recorded_in_an_earlier_pairing_proves_nothing(hall: Hall) -> None:
    """The host's nonce is another one each time."""
    request, chain = request_of("READER-0001", ec.generate_private_key(ec.SECP256R1())), hall.device.keys.maker_chain()
    genuine = proof_by(makers_key(hall.device), chain[0], request)
    recorded: list[bytes] = []

    def once(hello: bytes, reveal: bytes) -> bytes:
        recorded.append(genuine(hello, reveal))
        return recorded[0]

    host = hall.host()
    Line(host, reader_that_says(list(chain), request, once)).run(500)
    assert host.phase is Phase.CODE
    host.stop(0)
    assert hall.refused(reader=reader_that_says(list(chain), request, once)) == Why.PROOF
    hall.pairs()


def test_the_chain_of_another_reader_is_refused(hall: Hall) -> None:
    """Once with a request in one's own name, once in the other's."""
    other = Device(hall.maker.make(hall.folder / "other", "READER-0002"))
    chain, own = list(other.keys.maker_chain()), ec.generate_private_key(ec.SECP256R1())
    for serial, why in (("READER-0001", Why.REQUEST), ("READER-0002", Why.PROOF)):
        request = request_of(serial, own)
        liar = reader_that_says(chain, request, proof_by(makers_key(hall.device), chain[0], request))
        assert hall.refused(reader=liar) == why
    other.journal.close()
    hall.pairs()


def test_a_request_for_a_key_that_the_reader_does_not_hold_is_refused(hall: Hall) -> None:
    request = bytearray(request_of("READER-0001", ec.generate_private_key(ec.SECP256R1())))
    request[-1] ^= 1
    chain = list(hall.device.keys.maker_chain())
    liar = reader_that_says(chain, bytes(request), proof_by(makers_key(hall.device), chain[0], bytes(request)))
    assert hall.refused(reader=liar) == Why.REQUEST
    hall.pairs()


def test_a_readers_identity_is_no_authority_for_another(hall: Hall) -> None:
    """What a genuine reader's key has signed."""
    idevid, root = (x509.load_der_x509_certificate(one) for one in hall.device.keys.maker_chain())
    key = ec.generate_private_key(ec.SECP256R1())
    under = makers_key(hall.device)
    forged = issue(name("Reader", "READER-0009"), key.public_key(), idevid.subject, under, CLIENT, NOW, EVER)
    chain = [one.public_bytes(DER) for one in (forged, idevid, root)]
    request = request_of("READER-0009", key)
    assert hall.refused(reader=reader_that_says(chain, request, proof_by(key, chain[0], request))) == Why.MAKER_CHAIN
    hall.pairs()


def test_done_before_anything_was_issued_is_refused(hall: Hall) -> None:
    liar = Liar(host=False)
    liar.answers[wire.HELLO] = lambda hello: [(wire.DONE, b"")]
    assert hall.refused(reader=liar) == Why.MALFORMED
    hall.pairs()


# a terminal that is not the one people stand at


def terminal_that_says(hall: Hall, *, reveal: bytes | None = None, authority: bytes | None = None) -> Liar:
    liar, nonce = Liar(host=True), os.urandom(wire.NONCE_SIZE)
    liar.greeting = [(wire.HELLO, wire.pack_hello(authority or hall.identity.authority, wire.commitment(nonce)))]
    liar.answers[wire.IDENTITY] = lambda identity: [(wire.REVEAL, reveal or nonce)]
    return liar


def test_a_nonce_that_was_not_committed_to_is_refused(hall: Hall) -> None:
    """A host that chose it after it had seen the reader's could choose the code."""
    Line(terminal_that_says(hall, reveal=os.urandom(32)), hall.device.end).run(500)
    assert hall.device.failed() == ["a nonce other than the one committed to"]
    hall.nothing_was_issued()
    hall.pairs()


@pytest.mark.parametrize("what", ["of the bridge itself", "of nobody", "for another use", "garbage"])
def test_an_authority_that_is_none_is_refused(hall: Hall, what: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    nobody = name("Authority", "x").rdns[0]
    nameless = x509.Name([nobody])
    authority = {
        "of the bridge itself": x509.load_pem_x509_certificate(
            (hall.identity.folder / "bridge.pem").read_bytes()
        ).public_bytes(DER),
        "of nobody": issue(nameless, key.public_key(), nameless, key, None, NOW, EVER).public_bytes(DER),
        "for another use": issue(
            name("Bridge", "00"), key.public_key(), name("Bridge", "00"), key, CLIENT, NOW, EVER
        ).public_bytes(DER),
        "garbage": b"garbage",
    }[what]
    Line(terminal_that_says(hall, authority=authority), hall.device.end).run(500)
    assert hall.device.failed() == ["the terminal's authority is none"]
    hall.pairs()


def issuing(
    hall: Hall,
    device: str = "READER-0001",
    role: x509.ObjectIdentifier = SERVER,
    other: bool = False,
    own: bool = False,
) -> Liar:
    """A terminal that issues as soon as it can, nobody having typed a code."""
    liar = terminal_that_says(hall)
    authority, key = hall.identity.denylist.authority, load_key(hall.identity.folder / "ca.key")
    if own:
        key = ec.generate_private_key(ec.SECP256R1())

    def issued(_: bytes) -> Said:
        _, request, _ = wire.unpack_identity(liar.heard[wire.IDENTITY])
        public = x509.load_der_x509_csr(request).public_key()
        if other:
            public = ec.generate_private_key(ec.SECP256R1()).public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        made = issue(name("Reader", device), public, authority.subject, key, role, NOW, EVER)
        return [(wire.ISSUED, made.public_bytes(DER))]

    liar.answers[wire.PROOF] = issued
    return liar


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"device": "READER-0002"}, "the terminal issued it to another reader"),
        ({"role": CLIENT}, "the terminal issued it for another use"),
        ({"other": True}, "the terminal issued it to another key"),
        ({"own": True}, "what the terminal issued is not of its authority"),
    ],
)
def test_an_identity_that_is_not_what_was_asked_for_is_refused(hall: Hall, how: dict[str, object], reason: str) -> None:
    line = Line(issuing(hall, **how), hall.device.end)
    line.run(500)
    hall.device.end.confirm(line.now)
    assert hall.device.failed() == [reason]
    assert hall.device.keys.local() is None
    hall.pairs()


def test_an_identity_issued_before_anybody_compared_the_code_is_not_taken(hall: Hall) -> None:
    """Not without the touch of whoever did; they find another code at the terminal, or none, and end it."""
    line = Line(issuing(hall), hall.device.end)
    line.run(60_000)
    hall.nothing_was_issued()
    hall.device.end.stop(line.now)
    assert hall.device.failed() == ["stopped at the reader"]
    hall.pairs()


def test_a_touch_before_anything_was_issued_takes_nothing(hall: Hall) -> None:
    line = Line(terminal_that_says(hall), hall.device.end)
    line.run(500)
    hall.device.end.confirm(line.now)
    line.run(60_000)
    hall.nothing_was_issued()
    hall.device.end.stop(line.now)
    hall.pairs()


@pytest.mark.parametrize("step", [wire.ISSUED, wire.REVEAL])
def test_a_step_out_of_its_order_is_refused(hall: Hall, step: int) -> None:
    liar = Liar(host=True)
    liar.greeting = [(step, bytes(32))]
    Line(liar, hall.device.end).run(500)
    late = terminal_that_says(hall)
    late.answers[wire.IDENTITY] = lambda identity: [(wire.HELLO, late.greeting[0][1])]
    Line(late, hall.device.end, now=5_000_000).run(500)
    assert hall.device.failed() == ["a step out of its order"] * 2
    hall.nothing_was_issued()
    hall.pairs()


# somebody between the two


def test_with_somebody_between_them_the_codes_differ_and_nothing_is_issued(hall: Hall) -> None:
    """They have a genuine reader of their own for the bridge, and a bridge of their own for the reader."""
    bought = Device(hall.maker.make(hall.folder / "bought", "READER-0666"))
    theirs = create_bridge(hall.folder / "theirs")
    true_host, their_host = hall.host(), Pairing(theirs, hall.maker.makers(), codec())
    left, right = Line(true_host, bought.end), Line(their_host, hall.device.end)
    left.run(500)
    right.run(500)
    assert true_host.phase is their_host.phase is Phase.CODE
    assert hall.device.code() != bought.code()
    for tries_left in (2, 1, 0):  # staff type what the reader before them shows
        assert not true_host.type_code(hall.device.code(), left.now)
        assert true_host.typings_left == tries_left
    assert true_host.refused is not None
    assert true_host.refused.why == Why.CODE
    left.run(500)
    assert bought.failed() == ["terminal_refused"]
    hall.nothing_was_issued()
    hall.device.end.stop(right.now)  # the terminal has taken no code, so nobody touches the reader
    right.run(500)
    bought.journal.close()
    hall.pairs()


def relayed(hall: Hall, exchange: Callable[[int, bytes], bytes]) -> Pairing:
    """The bridge's end, with somebody in the cable who passes every step on, `exchange`d."""
    host, to_host, to_reader = hall.host(), Liar(host=False), Liar(host=True)
    for one, other in ((to_host, to_reader), (to_reader, to_host)):
        for step in wire.CAPS:
            one.answers[step] = lambda body, step=step, other=other: other.later.append((step, exchange(step, body)))
    right = Line(to_reader, hall.device.end)
    right.run(50)
    left = Line(host, to_host)
    for _ in range(100):
        left.run(10)
        right.run(10)
    hall.nothing_was_issued()
    return host


def test_a_request_exchanged_on_the_way_is_found_by_the_readers_proof(hall: Hall) -> None:
    """The attacker's key in place of the reader's."""
    own = request_of("READER-0001", ec.generate_private_key(ec.SECP256R1()))

    def exchange(step: int, body: bytes) -> bytes:
        if step != wire.IDENTITY:
            return body
        chain, _, nonce = wire.unpack_identity(body)
        return wire.pack_identity(chain, own, nonce)

    host = relayed(hall, exchange)
    assert host.refused is not None
    assert host.refused.why == Why.PROOF
    hall.pairs()


def test_an_authority_exchanged_on_the_way_is_found_by_the_readers_proof(hall: Hall) -> None:
    theirs = create_bridge(hall.folder / "theirs")

    def exchange(step: int, body: bytes) -> bytes:
        if step != wire.HELLO:
            return body
        _, commitment = wire.unpack_hello(body)
        return wire.pack_hello(theirs.authority, commitment)

    host = relayed(hall, exchange)
    assert host.refused is not None
    assert host.refused.why == Why.PROOF
    hall.pairs()


def test_somebody_who_passes_on_all_as_it_is_gains_nothing(hall: Hall) -> None:
    """The code is the same, and what will be issued is for a key that the reader holds."""
    host = relayed(hall, lambda step, body: body)
    assert host.phase is Phase.CODE
    assert host.type_code(hall.device.code(), 10_000)


# at the terminal


def test_a_code_may_be_guessed_three_times_and_is_another_one_then(hall: Hall) -> None:
    codes = set()
    for run in range(2):
        host = hall.host()
        line = Line(host, hall.device.end, now=1000 + run * 1_000_000)
        line.run(500)
        codes.add(hall.device.code())
        wrong = f"{(int(hall.device.code()) + 1) % 10**6:06d}"
        assert [host.type_code(wrong, line.now) for _ in range(3)] == [False] * 3
        assert host.refused is not None
        assert host.refused.why == Why.CODE
        line.run(500)
    assert len(codes) == 2
    hall.nothing_was_issued()
    hall.pairs()


def test_a_connection_lost_once_there_is_a_code_ends_the_run(hall: Hall) -> None:
    """Otherwise somebody on the cable had as many tries at two equal codes as they cut it."""
    host = hall.host()
    line = Line(host, hall.device.end)
    line.run(500)
    assert host.phase is Phase.CODE
    host.lost_port()
    assert host.refused is not None
    assert host.refused.why == Why.LOST
    hall.device.end.gone("port_gone", line.now)
    assert hall.device.failed() == ["port_gone"]
    hall.nothing_was_issued()
    hall.pairs()


def test_a_reader_denied_while_its_code_is_shown_is_refused(hall: Hall) -> None:
    host = hall.host()
    line = Line(host, hall.device.end)
    line.run(500)
    hall.identity.devices.deny("READER-0001", NOW)
    host.type_code(hall.device.code(), line.now)
    assert host.refused is not None
    assert host.refused.why == Why.DENIED
    line.run(500)
    assert hall.device.failed() == ["terminal_refused"]
    hall.nothing_was_issued()
