"""A terminal that was taken over: it has the bridge's own keys, and says what it should not."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attack_line import Impostor, Line, Reply
from attack_rig import DER, FACILITY_KEY, Scene, Talking, load_key, settings_of, turned
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from firmware.link.answers import LinkDown
from firmware.link.questions import Question
from firmware.wire import messages
from firmware.wire.tls import Received
from host_bridge.certificates import issue, name
from host_bridge.identity import create_bridge

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def met(scene: Scene, host: Impostor) -> tuple[Talking, Line]:
    """A reader with a record, on the line with this host."""
    talking = scene.conversation()
    talking.keep(scene)
    return talking, Line(host, talking.end)


def kept(scene: Scene, talking: Talking, line: Line) -> None:
    """Nothing was believed; the record is there, and the genuine bridge gets it."""
    assert talking.heard("token_receipt") == []
    assert talking.journal.undelivered() == 1
    talking.end.gone("port_gone", line.now)
    Line(scene.session(), talking.end, line.now).run(3000)
    (receipt,) = talking.heard("token_receipt")
    assert receipt["accepted"]
    assert scene.stored() == {bytes.fromhex(receipt["cti"])}


GREETINGS = (
    "settings of another bridge",
    "a sealing key to which nothing can be sealed",
    "settings with an unknown flag",
    "settings cut short",
    "settings as an answer",
    "settings of a production bridge",
    "settings that become a production bridge's",
    "settings that become another bridge's",
    "a nonce that nobody asked for",
    "a receipt before the settings",
    "an identity before the settings",
    "an error before the settings",
    "a question",
    "a flood of answers",
)


def greetings(scene: Scene) -> dict[str, tuple[str, list[Reply]]]:
    """What it says first, and why the reader hangs up."""
    settings = (messages.SETTINGS, 0, settings_of(scene))
    elsewhere = create_bridge(scene.folder / "elsewhere")
    return {
        "settings of another bridge": (
            "malformed",
            [(messages.SETTINGS, 0, settings_of(scene, bridge_id=elsewhere.bridge_id))],
        ),
        "a sealing key to which nothing can be sealed": (
            "malformed",
            [(messages.SETTINGS, 0, settings_of(scene, sealing_key=bytes(32)))],
        ),
        "settings with an unknown flag": ("malformed", [(messages.SETTINGS, 0, settings_of(scene, flags=0x81))]),
        "settings cut short": ("malformed", [(messages.SETTINGS, 0, settings_of(scene)[:-1])]),
        "settings as an answer": ("malformed", [(messages.SETTINGS, 1, settings_of(scene))]),
        "settings of a production bridge": ("demo_mismatch", [(messages.SETTINGS, 0, settings_of(scene, flags=0))]),
        "settings that become a production bridge's": (
            "demo_mismatch",
            [settings, (messages.SETTINGS, 0, settings_of(scene, flags=0))],
        ),
        "settings that become another bridge's": (
            "malformed",
            [settings, (messages.SETTINGS, 0, settings_of(scene, bridge_id=bytes(16)))],
        ),
        "a nonce that nobody asked for": ("malformed", [settings, (messages.NONCE, 7, bytes(32))]),
        "a receipt before the settings": (
            "malformed",
            [(messages.RECEIPT, 1, messages.pack_receipt(bytes(16), True, ""))],
        ),
        "an identity before the settings": ("malformed", [(messages.ISSUED, 1, scene.reader.chain[0])]),
        "an error before the settings": ("malformed", [(messages.ERROR, 1, b"\1")]),
        "a question": ("malformed", [settings, (messages.OPEN_VISIT, 3, b"")]),
        "a flood of answers": ("malformed", [settings, *[(messages.DONE, 9, b"")] * 3000]),
    }


@pytest.mark.parametrize("what", GREETINGS)
def test_the_reader_hangs_up_on(scene: Scene, what: str) -> None:
    reason, greeting = greetings(scene)[what]
    host = turned(scene)
    host.greeting = greeting
    talking, line = met(scene, host)
    line.run(300)
    assert talking.down_for() == [reason]
    assert not talking.end.up
    kept(scene, talking, line)


def test_a_flood_of_settings_is_taken_as_it_comes(scene: Scene) -> None:
    """Each is answered, none is kept but the last; the visit goes on."""
    host = turned(scene)
    host.greeting = [(messages.SETTINGS, 0, settings_of(scene))] * 500
    talking, line = met(scene, host)
    line.run(3000)
    assert talking.down_for() == []
    assert len([one for one in host.heard if one.kind == messages.DONE]) == 500
    kept(scene, talking, line)


RECEIPTS: dict[str, Callable[[bytes], bytes]] = {
    "accepted, for another token": lambda cti: messages.pack_receipt(os.urandom(16), True, ""),
    "accepted, with a reason": lambda cti: cti + b"\x01\x00\x01x",
    "refused, without a reason": lambda cti: cti + b"\x00\x00\x00",
    "refused, with a patient's name for a reason": lambda cti: messages.pack_receipt(cti, False, "Mihon Hanako"),
    "neither": lambda cti: cti + b"\x02\x00\x00",
    "cut short": lambda cti: cti,
}


@pytest.mark.parametrize("what", RECEIPTS)
def test_the_reader_keeps_its_record_after_a_receipt_that_is(scene: Scene, what: str) -> None:
    host = turned(scene)
    talking, line = met(scene, host)
    oldest = talking.journal.oldest()
    assert oldest is not None
    host.answers[messages.DELIVER] = lambda asked: [(messages.RECEIPT, asked.request, RECEIPTS[what](oldest.cti))]
    line.run(300)
    assert talking.down_for() == ["malformed"]
    kept(scene, talking, line)


def test_a_receipt_for_the_next_token_under_the_question_of_this_one_is_not_believed(scene: Scene) -> None:
    talking = scene.conversation()
    ctis = [talking.keep(scene), talking.keep(scene)]
    host = turned(scene)
    host.answers[messages.DELIVER] = lambda asked: [
        (messages.RECEIPT, asked.request, messages.pack_receipt(ctis[1], True, ""))
    ]
    Line(host, talking.end).run(300)
    assert talking.down_for() == ["malformed"]
    assert talking.journal.undelivered() == 2
    Line(scene.session(), talking.end).run(3000)
    assert scene.stored() == set(ctis)


def test_a_receipt_for_a_record_that_was_not_sent_is_not_believed(scene: Scene) -> None:
    """Under the number that the reader's next question will have."""
    host = turned(scene)
    talking, line = met(scene, host)
    oldest = talking.journal.oldest()
    assert oldest is not None
    receipt = messages.pack_receipt(oldest.cti, True, "")
    host.greeting = [*((messages.RECEIPT, number, receipt) for number in (1, 2)), *host.greeting]
    line.run(300)
    assert talking.down_for() == ["malformed"]
    kept(scene, talking, line)


WRONG_KINDS = [
    (messages.OPEN_VISIT, messages.DONE, b""),
    (messages.OPEN_VISIT, messages.NONCE, bytes(31)),
    (messages.IDENTIFY, messages.CERTIFICATE_STATUS, b"\1"),
    (messages.IDENTIFY, messages.STANDING, b"\2\1\1"),
    (messages.REVOCATION, messages.STANDING, b"\1\1\1"),
    (messages.REVOCATION, messages.CERTIFICATE_STATUS, b"\7"),
    (messages.PRESCRIPTIONS, messages.PRESCRIPTION_LIST, b"\x11" + bytes(600)),
    (messages.CHECK_PASSCODE, messages.PASSCODE, b"\4\0"),
    (messages.CALL_RECEPTION, messages.NONCE, bytes(32)),
]


@pytest.mark.parametrize(("asked", "kind", "body"), WRONG_KINDS)
def test_the_reader_hangs_up_on_an_answer_that_is_none(scene: Scene, asked: int, kind: int, body: bytes) -> None:
    host = turned(scene)
    host.answers[asked] = lambda question: [(kind, question.request, body)]
    talking = scene.conversation()
    line = Line(host, talking.end)
    line.run(300)
    question = Question(asked, bytes(min(messages.CAPS[asked], 32)))
    talking.end.ask(question)
    line.run(300, until=talking.down_for)
    assert talking.down_for() == ["malformed"]
    assert not question.answer.done()
    talking.end.forget(question)
    talking.journal.close()


def test_a_second_answer_to_one_question_ends_the_session(scene: Scene) -> None:
    host = turned(scene)
    nonces = [os.urandom(32), os.urandom(32)]
    host.answers[messages.OPEN_VISIT] = lambda asked: [(messages.NONCE, asked.request, one) for one in nonces]
    talking = scene.conversation()
    line = Line(host, talking.end)
    question = Question(messages.OPEN_VISIT, b"")
    talking.end.ask(question)
    line.run(300, until=talking.down_for)
    assert question.answer.result() == nonces[0]
    assert talking.down_for() == ["malformed"]


def test_an_error_to_a_question_is_no_answer_and_no_end(scene: Scene) -> None:
    host = turned(scene)
    host.answers[messages.OPEN_VISIT] = lambda asked: [(messages.ERROR, asked.request, b"\1")]
    talking = scene.conversation()
    line = Line(host, talking.end)
    question = Question(messages.OPEN_VISIT, b"")
    talking.end.ask(question)
    line.run(300)
    assert isinstance(question.answer.exception(), LinkDown)
    assert talking.end.up


# the next identity


def issued(
    scene: Scene,
    key: Any = None,
    device: str = "READER-0001",
    role: x509.ObjectIdentifier = SERVER,
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> Callable[[Received], list[Reply]]:
    """Answers RENEW as the bridge does, but for what is given."""

    def answer(asked: Received) -> list[Reply]:
        issuer, issuer_key = authority or (
            scene.identity.denylist.authority,
            load_key(scene.identity.folder / "ca.key"),
        )
        now, public = datetime.now(UTC), key or x509.load_der_x509_csr(asked.body).public_key()
        until = now + timedelta(days=30)
        made = issue(name("Reader", device), public, issuer.subject, issuer_key, role, now, until)
        return [(messages.ISSUED, asked.request, made.public_bytes(DER))]

    return answer


def of_somebody_else(scene: Scene) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    elsewhere = create_bridge(scene.folder / "elsewhere")
    return elsewhere.denylist.authority, load_key(elsewhere.folder / "ca.key")


IDENTITIES: dict[str, tuple[str, Callable[[Scene], Callable[[Received], list[Reply]]]]] = {
    "another key": (
        "the terminal issued it to another key",
        lambda scene: issued(scene, key=ec.generate_private_key(ec.SECP256R1()).public_key()),
    ),
    "another reader": ("the terminal issued it to another reader", lambda scene: issued(scene, device="READER-0002")),
    "another use": ("the terminal issued it for another use", lambda scene: issued(scene, role=CLIENT)),
    "another authority": (
        "what the terminal issued is not of its authority",
        lambda scene: issued(scene, authority=of_somebody_else(scene)),
    ),
    "the reader's present key": (
        "the terminal issued it to another key",
        lambda scene: lambda asked: [(messages.ISSUED, asked.request, scene.reader.chain[0])],
    ),
    "no certificate": (
        "what the terminal issued is not of its authority",
        lambda scene: lambda asked: [(messages.ISSUED, asked.request, b"\x30\x03abc")],
    ),
}


def due(scene: Scene) -> bytes:
    """SETTINGS of a day on which the reader asks for its next identity."""
    return messages.pack_settings(
        scene.identity.bridge_id,
        FACILITY_KEY,
        scene.identity.sealing_key,
        1,
        messages.DEMO,
        int(scene.now) + 25 * 86400,
    )


@pytest.mark.parametrize("what", IDENTITIES)
def test_a_next_identity_is_not_taken_when_it_was_issued_to(scene: Scene, what: str) -> None:
    reason, answer = IDENTITIES[what]
    before, host = scene.reader.chain, turned(scene)
    host.greeting = [(messages.SETTINGS, 0, due(scene))]
    host.answers[messages.RENEW] = answer(scene)
    talking = scene.conversation()
    Line(host, talking.end).run(300)
    assert talking.heard("renewal_failed") == [{"reason": reason}]
    assert talking.down_for() == ["malformed"]
    assert scene.reader.chain == before
    talking.journal.close()


def test_a_next_identity_is_taken_when_it_was_issued_as_asked(scene: Scene) -> None:
    before, host = scene.reader.chain, turned(scene)
    host.greeting = [(messages.SETTINGS, 0, due(scene))]
    host.answers[messages.RENEW] = issued(scene)
    talking = scene.conversation()
    Line(host, talking.end).run(300)
    assert talking.heard("identity_renewed") == [{}]
    assert scene.reader.chain != before
    talking.journal.close()


def test_an_identity_that_was_not_asked_for_is_not_taken(scene: Scene) -> None:
    before, host = scene.reader.chain, turned(scene)
    host.greeting = [*host.greeting, (messages.ISSUED, 1, before[0])]
    talking = scene.conversation()
    Line(host, talking.end).run(300)
    assert talking.down_for() == ["malformed"]
    assert scene.reader.chain == before
    talking.journal.close()
