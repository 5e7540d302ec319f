"""The reader's side of pairing: terminals that lie to it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from enrolment_rig import DEVICE, Forged, Line, Reader, issued, reason

from firmware.link.enrolment import Comparing, Failed
from firmware.wire import enrolment
from firmware.wire.enrolment import STEP_MS
from host_bridge.certificates import issue, name
from host_bridge.identity import BridgeIdentity, create_bridge


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


def test_a_host_that_stops_in_the_middle_is_given_up(reader: Reader, bridge: BridgeIdentity) -> None:
    host = Forged(bridge)
    line = Line(reader, host.steps)
    host.greet(line)
    line.wait(STEP_MS + 100)
    assert reason(line) == "it took too long"
