"""Pairing: which reader gets no identity; after each the genuine one pairs, with the genuine bridge."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from attack_hall import CLIENT, EVER, NOW, Device, Hall, Liar, Maker, request_of
from attack_line import Line
from attack_rig import DER, load_key
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.link.keys import es256
from firmware.wire import enrolment as wire
from host_bridge.certificates import issue, name
from host_bridge.pairing import Phase
from host_bridge.pairing_refused import Why

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
