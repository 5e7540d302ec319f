"""Pairing: which terminal gets no reader, nor who is between the two; after each the genuine ones pair."""

import os
from collections.abc import Callable

import pytest
from attack_hall import CLIENT, EVER, NOW, SERVER, Device, Hall, Liar, Said, request_of
from attack_line import Line
from attack_rig import DER, load_key
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.cobs import codec
from firmware.wire import enrolment as wire
from host_bridge.certificates import issue, name
from host_bridge.identity import create_bridge
from host_bridge.pairing import Pairing, Phase
from host_bridge.pairing_refused import Why

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
