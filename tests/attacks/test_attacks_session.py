"""Who may talk to whom: ends of the link that are not what they should be, each beside the genuine pair."""

import json
import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attack_line import Impostor, Line, as_host, as_reader
from attack_rig import DER, PEM, Reader, Scene, load_key, settings_of, turned
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.link.enrolment import Enrolment
from firmware.link.journal import Journal
from firmware.link.state import journal_file, open_keys
from firmware.token.refusal import Refusal
from firmware.wire import messages
from host_bridge.certificates import issue
from host_bridge.identity import create_bridge
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def serve(scene: Scene, reader: Reader | None = None) -> list[bytes]:
    """Ids of what a genuine reader gets delivered over a genuine link."""
    talking = scene.conversation(reader)
    cti = talking.keep(scene)
    Line(scene.session(), talking.end).run(3000)
    assert talking.heard("token_receipt")[-1] == {"cti": cti.hex(), "accepted": True, "refusal": None}
    talking.journal.close()
    return [cti]


def refused(scene: Scene, since: int = 0) -> list[tuple[str, str]]:
    """What the bridge told of ends that it did not serve."""
    return [
        (one["event"], one["reason"]) for one in scene.events[since:] if one["event"] in ("link_refused", "link_down")
    ]


def local_files(reader: Reader) -> tuple[Path, Path]:
    """Certificates and key of its local identity."""
    local = reader.keys.local()
    assert local is not None
    key, chain, _ = local.tls_files()
    return chain, key


# a device that is no reader of this bridge


def self_made(scene: Scene) -> Impostor:
    """The right names, under an authority that has the right name too."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), scene.identity.denylist.authority
    now = datetime.now(UTC)
    twin = issue(authority.subject, key.public_key(), authority.subject, key, None, now, now + timedelta(days=9))
    return as_reader(scene.forge("READER-0001", SERVER, twin, key))


def of_another_facility(scene: Scene) -> Impostor:
    elsewhere = create_bridge(scene.folder / "elsewhere")
    return as_reader(*local_files(scene.pair("READER-0001", identity=elsewhere)))


def with_the_makers_identity(scene: Scene) -> Impostor:
    folder = scene.reader.state / "identity" / "idevid"
    return as_reader(folder / "chain.pem", folder / "key.pem")


def with_the_terminals_certificate(scene: Scene) -> Impostor:
    return as_reader(scene.identity.folder / "bridge.pem", scene.identity.folder / "bridge.key")


def whose_identity_has_ended(scene: Scene) -> Impostor:
    return as_reader(*local_files(scene.pair("READER-0001", life=timedelta(minutes=-1))))


def whose_certificate_was_never_kept(scene: Scene) -> Impostor:
    """The authority's key was used elsewhere: the bridge knows the certificates that it issued, one by one."""
    return as_reader(scene.forge("READER-0001"))


def whose_certificate_is_not_the_next_one_that_was_issued(scene: Scene) -> Impostor:
    """There is one that was issued and not seen yet; this is another."""
    scene.identity.devices.renew("READER-0001", scene.reader.keys.request(), datetime.now(UTC))
    return as_reader(scene.forge("READER-0001"))


def that_names_no_device(scene: Scene) -> Impostor:
    return as_reader(scene.forge("../READER-0001"))


UNKNOWN_READERS: dict[Callable[[Scene], Impostor], tuple[str, str]] = {
    self_made: ("link_down", "certificate: unable to get local issuer certificate"),
    of_another_facility: ("link_down", "certificate: self-signed certificate in certificate chain"),
    with_the_makers_identity: ("link_down", "certificate: self-signed certificate in certificate chain"),
    with_the_terminals_certificate: ("link_down", "certificate: unsuitable certificate purpose"),
    whose_identity_has_ended: ("link_down", "certificate_expired"),
    whose_certificate_was_never_kept: ("link_refused", "not_paired"),
    whose_certificate_is_not_the_next_one_that_was_issued: ("link_refused", "not_paired"),
    that_names_no_device: ("link_refused", "not_paired"),
}


@pytest.mark.parametrize("device", UNKNOWN_READERS, ids=lambda make: make.__name__)
def test_a_device_is_told_nothing(scene: Scene, device: Callable[[Scene], Impostor]) -> None:
    serve(scene)
    since, impostor = len(scene.events), device(scene)
    Line(scene.session(), impostor).run(1000)
    assert refused(scene, since) == [UNKNOWN_READERS[device]]
    assert not impostor.heard
    serve(scene)


def test_a_reader_that_was_superseded_by_its_renewal_is_not_served(scene: Scene) -> None:
    """Its disk was copied before it renewed."""
    thief = scene.reader.copy(scene.folder / "copy")
    devices = scene.identity.devices
    serve(scene, thief)
    scene.reader.keys.install(
        devices.renew("READER-0001", scene.reader.keys.request(), datetime.now(UTC)), scene.identity.authority
    )
    serve(scene, scene.reader.copy(scene.folder / "same"))  # seen once, the next identity is the one in use
    since, talking = len(scene.events), scene.conversation(thief)
    Line(scene.session(), talking.end).run(1000)
    assert refused(scene, since) == [("link_refused", "not_paired")]
    assert talking.down_for() == ["refused_by_other_end"]


def test_a_denied_reader_is_not_served_from_its_next_handshake_on(scene: Scene) -> None:
    serve(scene)
    scene.identity.devices.deny("READER-0001", datetime.now(UTC))
    since, talking = len(scene.events), scene.conversation()
    Line(scene.session(), talking.end).run(1000)
    assert refused(scene, since) == [("link_refused", "denied")]
    assert talking.down_for() == ["refused_by_other_end"]
    serve(scene, scene.pair("READER-0002"))


def test_a_reader_denied_in_mid_session_is_put_out_and_its_token_not_taken(scene: Scene) -> None:
    talking = scene.conversation()
    line = Line(scene.session(), talking.end)
    line.run(500)
    assert talking.end.up
    nonce, since = scene.desk.open_visit("READER-0001"), len(scene.events)
    scene.identity.devices.deny("READER-0001", datetime.now(UTC))
    talking.keep(scene, nonce)
    line.run(2000)
    assert not talking.end.up
    assert refused(scene, since) == [("link_refused", "denied")]
    assert scene.stored() == set()
    assert talking.journal.undelivered() == 1
    serve(scene, scene.pair("READER-0002"))


def test_a_reader_unpaired_in_mid_session_is_put_out(scene: Scene) -> None:
    talking = scene.conversation()
    line = Line(scene.session(), talking.end)
    line.run(500)
    assert talking.end.up
    scene.identity.devices.unpair("READER-0001")
    since = len(scene.events)
    line.run(2000)
    assert not talking.end.up
    assert refused(scene, since) == [("link_refused", "not_paired")]


@pytest.mark.parametrize("what", ["missing", "of another facility", "cut short"])
def test_without_a_sound_denylist_nobody_is_served(scene: Scene, what: str) -> None:
    serve(scene)
    file = scene.identity.denylist.file
    genuine = file.read_bytes()
    if what == "missing":
        file.unlink()
    elif what == "cut short":
        file.write_bytes(genuine[:100])
    else:
        file.write_bytes((create_bridge(scene.folder / "elsewhere").folder / "denied.pem").read_bytes())
    since, talking = len(scene.events), scene.conversation()
    Line(scene.session(), talking.end).run(1000)
    assert refused(scene, since) == [("link_refused", "denylist_unusable")]
    assert not talking.heard("link_up")
    talking.journal.close()
    file.write_bytes(genuine)
    serve(scene)


def test_a_session_is_refused_by_a_reader_that_is_not_paired(scene: Scene) -> None:
    state = scene.folder / "new"
    make_device(state / "identity", "READER-0009")
    journal = Journal.make(journal_file(state))
    unpaired = Enrolment(open_keys(state), journal, codec(), os.urandom, lambda news: None)
    Line(scene.session(), unpaired).run(1000)
    assert refused(scene) == [("link_down", "unpaired")]
    journal.close()
    serve(scene)


def test_pairing_is_refused_by_a_reader_that_is_paired(scene: Scene) -> None:
    maker = scene.reader.state / "identity"
    pairing = Pairing(scene.identity, Makers(maker / "maker_root.pem", maker / "maker_revoked.pem"), codec())
    talking = scene.conversation()
    Line(pairing, talking.end).run(1000)
    assert pairing.obstacle == "already_paired"
    assert not pairing.device_id
    talking.journal.close()
    serve(scene)


# a PC that is not this reader's terminal


def without_a_certificate(scene: Scene) -> Impostor:
    return as_host(None)


def of_a_foreign_authority(scene: Scene) -> Impostor:
    elsewhere = create_bridge(scene.folder / "elsewhere")
    return as_host(elsewhere.folder / "bridge.pem", elsewhere.folder / "bridge.key")


def of_a_foreign_authority_in_this_ones_name(scene: Scene) -> Impostor:
    key, authority = ec.generate_private_key(ec.SECP256R1()), scene.identity.denylist.authority
    now = datetime.now(UTC)
    twin = issue(authority.subject, key.public_key(), authority.subject, key, None, now, now + timedelta(days=9))
    return as_host(scene.forge(scene.identity.bridge_id.hex(), CLIENT, twin, key))


def with_a_readers_certificate(scene: Scene) -> Impostor:
    """A stolen reader posing as the PC."""
    return as_host(*local_files(scene.pair("READER-0002")))


def that_names_another_bridge(scene: Scene) -> Impostor:
    return as_host(scene.forge("00" * 16, CLIENT))


def that_speaks_tls_1_2(scene: Scene) -> Impostor:
    folder = scene.identity.folder
    return as_host(folder / "bridge.pem", folder / "bridge.key", ssl.TLSVersion.TLSv1_2)


def signed_by_a_paired_reader(scene: Scene) -> Impostor:
    """A local identity is no authority."""
    chain, key = local_files(scene.pair("READER-0002"))
    issuer = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    forged = scene.forge(scene.identity.bridge_id.hex(), CLIENT, issuer, load_key(key))
    forged.write_bytes(forged.read_bytes() + issuer.public_bytes(PEM))
    return as_host(forged)


UNKNOWN_HOSTS: dict[Callable[[Scene], Impostor], str] = {
    without_a_certificate: "tls: PEER_DID_NOT_RETURN_A_CERTIFICATE",
    of_a_foreign_authority: "certificate: unable to get local issuer certificate",
    of_a_foreign_authority_in_this_ones_name: "certificate: unable to get local issuer certificate",
    with_a_readers_certificate: "certificate: unsuitable certificate purpose",
    that_names_another_bridge: "not_the_paired_bridge",
    that_speaks_tls_1_2: "tls: UNSUPPORTED_PROTOCOL",
    signed_by_a_paired_reader: "certificate: invalid CA certificate",
}


@pytest.mark.parametrize("host", UNKNOWN_HOSTS, ids=lambda make: make.__name__)
def test_a_pc_gets_no_word_and_no_record(scene: Scene, host: Callable[[Scene], Impostor]) -> None:
    talking, impostor = scene.conversation(), host(scene)
    cti = talking.keep(scene)
    impostor.greeting = [(messages.SETTINGS, 0, settings_of(scene))]
    Line(impostor, talking.end).run(1000)
    assert talking.down_for() == [UNKNOWN_HOSTS[host]]
    assert not talking.heard("link_up")
    assert not impostor.heard
    assert talking.journal.undelivered() == 1
    Line(scene.session(), talking.end).run(3000)
    assert talking.heard("token_receipt") == [{"cti": cti.hex(), "accepted": True, "refusal": None}]


@pytest.mark.parametrize("reader_is_demo", [True, False])
def test_a_demo_reader_and_a_production_bridge_do_not_talk_and_the_other_way_round(
    scene: Scene, reader_is_demo: bool
) -> None:
    talking = scene.conversation(demo=reader_is_demo)
    wrong, right = turned(scene), turned(scene)
    wrong.greeting = [(messages.SETTINGS, 0, settings_of(scene, flags=messages.DEMO * (not reader_is_demo)))]
    right.greeting = [(messages.SETTINGS, 0, settings_of(scene, flags=messages.DEMO * reader_is_demo))]
    Line(wrong, talking.end).run(500)
    assert talking.down_for() == ["demo_mismatch"]
    assert not wrong.heard
    Line(right, talking.end).run(500)
    assert talking.end.up


def test_a_certificate_of_a_reader_for_a_token_is_the_one_of_its_session(scene: Scene) -> None:
    """A paired reader hands in a record that another one has signed, over a session of its own."""
    other = scene.pair("READER-0002")
    record = scene.sealed(scene.visit(other))
    thief = as_reader(*local_files(scene.reader))
    thief.answers[messages.SETTINGS] = lambda settings: [
        (messages.DONE, 0, b""),
        (messages.DELIVER, 1, record),
    ]
    Line(scene.session(), thief).run(1000)
    (receipt,) = [one for one in thief.heard if one.kind == messages.RECEIPT]
    assert messages.unpack_receipt(receipt.body)[1:] == (False, Refusal.NONCE_UNKNOWN)
    assert scene.hand_in(record, other) is None


def test_renewal_in_another_devices_name_is_refused(scene: Scene) -> None:
    """The next identity is for the reader of the session, and for a key that it holds."""
    other = scene.pair("READER-0002")
    asked = {"another's": other.keys.request(), "own": scene.reader.keys.request()}
    for whose, expected in (("another's", messages.ERROR), ("own", messages.ISSUED)):
        reader = as_reader(*local_files(scene.reader))
        reader.answers[messages.SETTINGS] = lambda settings, whose=whose: [
            (messages.DONE, 0, b""),
            (messages.RENEW, 1, asked[whose]),
        ]
        Line(scene.session(), reader).run(1000)
        assert [one.kind for one in reader.heard if one.request == 1] == [expected]
    folder = scene.identity.devices.folder
    assert sorted(file.name for file in folder.glob("*.next.pem")) == ["READER-0001.next.pem", "READER-0002.next.pem"]
    issued = x509.load_pem_x509_certificates((folder / "READER-0002.next.pem").read_bytes())[0]
    assert issued.public_bytes(DER) == other.chain[0]  # its first, from its pairing: nothing new


@pytest.mark.parametrize(("count", "answered"), [(40, True), (3000, False)])
def test_a_reader_that_asks_without_end_is_put_out(scene: Scene, count: int, answered: bool) -> None:
    """Paired, and gone wrong: what waits to be answered must not fill the terminal's memory."""
    flood = as_reader(*local_files(scene.reader))
    asked = [(messages.OPEN_VISIT, number, b"") for number in range(1, count + 1)]
    flood.answers[messages.SETTINGS] = lambda settings: [(messages.DONE, 0, b""), *asked]
    line = Line(scene.session(), flood)
    line.run(1000)
    assert len([one for one in flood.heard if one.kind == messages.NONCE]) == (count if answered else 0)
    assert refused(scene) == ([] if answered else [("link_down", "too_many_questions")])
    line.host.fell("port_gone")
    serve(scene)


def test_the_staff_passcode_is_guessed_five_times_over_all_connections_and_readers(scene: Scene) -> None:
    """The lock outlives the session, and is the same for every reader."""
    table = json.loads(scene.people.read_text())
    scene.people.write_text(json.dumps({**table, "passcode": "2468"}))
    verdicts = []
    for number in range(7):
        guesser = as_reader(*local_files(scene.reader if number % 2 else scene.pair(f"READER-1{number}")))
        typed = messages.pack_passcode("2468" if number == 6 else f"000{number}")
        guesser.answers[messages.SETTINGS] = lambda settings, typed=typed: [
            (messages.DONE, 0, b""),
            (messages.CHECK_PASSCODE, 1, typed),
        ]
        Line(scene.session(), guesser).run(500)
        verdicts += [messages.unpack_verdict(one.body)[0] for one in guesser.heard if one.kind == messages.PASSCODE]
    assert verdicts == [messages.PASSCODE_WRONG] * 4 + [messages.PASSCODE_LOCKED] * 3
    assert scene.desk.check_passcode("READER-0001", "2468").verdict.name == "LOCKED"
