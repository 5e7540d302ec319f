"""What must hold whatever comes over the cable: one function for each way in, bytes in, AssertionError or any surprise
out. What is signed or sealed is also tried as if whoever holds the key had meant it: the checks behind it must hold
too."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import journal_entry
import link_seeds as seeds
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from fuzz_memory import python_memory

from firmware.link.trust import bridge_named_in
from firmware.token import cbor, evidence
from firmware.token.certificate import load_certificate
from firmware.token.claims import certificate_mac
from firmware.token.cose import sign_token, unverified_index, verify_token
from firmware.token.evidence import EVIDENCE_CAP, FaceEvidence, method_of
from firmware.token.record import open_record
from firmware.token.refusal import Refusal, TokenRefused
from firmware.wire import cobs, enrolment, frame, messages
from firmware.wire.channel import CONNECTED, SESSION, SILENCE_MS, Channel
from host_bridge.certificates import RequestMalformed, device_id_of, issued_by, requested_key
from host_bridge.denylist import Denylist
from host_bridge.journal import IssuedNonce
from host_bridge.verify import Trust, patient_certificate, status_by_date, verify_visit

BYTES: Final = 4 << 20
"""Most that one input may make Python allocate, as tracemalloc counts it: 8 KiB of CBOR can hold 8,192 empty maps."""

_ANCHORS = seeds.anchors()
_FOLDER = TemporaryDirectory()
_FACILITY_CA = x509.load_der_x509_certificate(seeds.FACILITY_CA)
_DENYLIST = Denylist(Path(_FOLDER.name, "denied.pem"), _FACILITY_CA)
_DENYLIST.create(seeds.FACILITY, datetime.fromtimestamp(seeds.NOW, UTC))
_TRUST = Trust(seeds.BRIDGE_ID, _FACILITY_CA, _ANCHORS, seeds.FACILITY_KEY, demo=True, denylist=_DENYLIST)
_ISSUED_NONCE = IssuedNonce(seeds.NONCE, seeds.DEVICE_ID, seeds.NOW, used=False)
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
_RECORD_INFO = b"urn:face-card-reader:record:1\0" + seeds.BRIDGE_ID


def one_value(data: bytes) -> None:
    """CBOR: the deterministic encoding of a value, or refused."""
    with python_memory(BYTES), suppress(TokenRefused):
        assert cbor.encode(cbor.decode(data, EVIDENCE_CAP)) == data


def cose(data: bytes) -> None:
    """A token, as it is and signed by the reader: claims that give the same token again, or refused."""
    with python_memory(BYTES):
        with suppress(TokenRefused):
            cti, nonce = unverified_index(data)
            assert (len(cti), len(nonce)) == (16, 32)
        with suppress(TokenRefused):
            _verified(data)
            assert data in seeds.TOKENS, "forged"
        with suppress(TokenRefused):
            _verified(_signed_anew(data))


def _verified(token: bytes) -> None:
    claims = verify_token(token, seeds.BRIDGE_ID, seeds.NONCE, seeds.DEVICE)
    assert sign_token(claims, seeds.BRIDGE_ID, seeds.NONCE, lambda _: token[-64:], seeds.DEVICE) == token


def _signed_anew(token: bytes) -> bytes:
    """Raises TokenRefused for what is no array of the right form."""
    match cbor.decode(token[1:], len(token)):
        case [bytes(protected), unprotected, bytes(payload), _]:
            external = cbor.encode([seeds.BRIDGE_ID, seeds.NONCE])
            signature = seeds.es256(cbor.encode(["Signature1", protected, external, payload]))
            return token[:1] + cbor.encode([protected, unprotected, payload, signature])
    raise TokenRefused(Refusal.NOT_COSE_SIGN1)


def certificate(data: bytes) -> None:
    """A certificate, as it is and issued by those whom the bridge trusts: read by all who read one, or refused."""
    candidates = [data]
    with suppress(ValueError):
        read = load_certificate(data)
        candidates += seeds.reissued(read.tbs_certificate_bytes, _algorithm(data, read))
    with python_memory(BYTES):
        for der in candidates:
            with suppress(ValueError):
                assert len(certificate_mac(seeds.FACILITY_KEY, der)) == 32
            with suppress(TokenRefused):
                evidence.card_input(der, bytes(32))
            with suppress(TokenRefused):
                status_by_date(patient_certificate(der, _ANCHORS), seeds.NOW)
            with suppress(TokenRefused):
                verify_visit([der], seeds.TOKENS[0], seeds.EVIDENCE[0], _ISSUED_NONCE, _TRUST, seeds.NOW)
            with suppress(ValueError):
                read = load_certificate(der)
                issued_by(read, read)
                bridge_named_in(der)
                device_id_of(read)


def _algorithm(encoded: bytes, read: x509.Certificate) -> bytes:
    """The AlgorithmIdentifier between a certificate's contents and its signature."""
    rest = encoded[encoded.index(read.tbs_certificate_bytes) + len(read.tbs_certificate_bytes) :]
    return rest[: 2 + rest[1]]


def request(data: bytes) -> None:
    """A request for a local identity, as it is and signed by the key that holds it: a key, or refused."""
    candidates = [data]
    with suppress(ValueError, x509.InvalidVersion):
        read = x509.load_der_x509_csr(data)
        candidates.append(seeds.requested(read.tbs_certrequest_bytes))
    with python_memory(BYTES):
        for der in candidates:
            with suppress(RequestMalformed):
                assert requested_key(der, seeds.DEVICE_ID) == seeds.READER.public_key()


def card_evidence(data: bytes) -> None:
    """Evidence: encodes to the same bytes and is judged, or refused."""
    with python_memory(BYTES), suppress(TokenRefused):
        read = evidence.decode(data)
        assert evidence.encode(read) == data
        patient = patient_certificate(read.certificate, _ANCHORS)
        bound = seeds.bound(method_of(read))
        if isinstance(read, FaceEvidence):
            key = evidence.verify_photo(
                read.issuer_certificate,
                read.group1,
                read.group2_hash,
                read.photo_hash,
                read.photo_signature,
                _ANCHORS,
            )
            evidence.verify_card_key(key, bound, read.card_signature)
        else:
            evidence.verify_pin_signature(patient, bound, read.signature)


def record(data: bytes) -> None:
    """A sealed record, as it is and with these bytes sealed: token and evidence, or refused."""
    sealed = _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(seeds.SEALING_PUBLIC), _RECORD_INFO)
    with python_memory(BYTES):
        for one in (data, sealed):
            with suppress(TokenRefused):
                token, card = open_record(seeds.SEALING_PRIVATE, seeds.BRIDGE_ID, one)
                plain = len(token).to_bytes(2, "big") + token + len(card).to_bytes(2, "big") + card
                assert one is data or plain == data


_BODIES: Final[dict[int, Callable[[bytes], bytes]]] = {
    messages.SETTINGS: lambda body: messages.pack_settings(*messages.unpack_settings(body)),
    messages.PRESCRIPTIONS: messages.unpack_digest,
    messages.CHECK_PASSCODE: lambda body: messages.pack_passcode(messages.unpack_passcode(body)),
    messages.NONCE: messages.unpack_nonce,
    messages.STANDING: lambda body: messages.pack_standing(*messages.unpack_standing(body)),
    messages.RECEIPT: lambda body: messages.pack_receipt(*messages.unpack_receipt(body)),
    messages.CERTIFICATE_STATUS: lambda body: bytes((messages.unpack_certificate_status(body),)),
    messages.PRESCRIPTION_LIST: lambda body: messages.pack_prescriptions(messages.unpack_prescriptions(body)),
    messages.PASSCODE: lambda body: messages.pack_verdict(*messages.unpack_verdict(body)),
}
_STEPS: Final[dict[int, Callable[[bytes], bytes]]] = {
    enrolment.HELLO: lambda body: enrolment.pack_hello(*enrolment.unpack_hello(body)),
    enrolment.IDENTITY: lambda body: enrolment.pack_identity(*enrolment.unpack_identity(body)),
    enrolment.REVEAL: enrolment.unpack_nonce,
    enrolment.PROOF: enrolment.unpack_signature,
    enrolment.REFUSED: lambda body: enrolment.unpack_reason(body).encode(),
}
"""Each kind of message whose body has a form, read and written again."""


def message(data: bytes) -> None:
    """What is said inside TLS, whole and in pieces: messages that are written the same again, or Malformed."""
    _stream(data, messages.CAPS, _BODIES)


def steps(data: bytes) -> None:
    """The steps of pairing, the same way."""
    _stream(data, enrolment.CAPS, _STEPS)


def _stream(data: bytes, caps: dict[int, int], bodies: dict[int, Callable[[bytes], bytes]]) -> None:
    with python_memory(BYTES):
        whole = _messages([data], caps)
        found = _messages([data[at : at + 7] for at in range(0, len(data), 7)], caps)
        assert (None in whole) is (None in found)
        assert whole == found or whole == [None]  # what comes in one piece with a break is lost with it
        told = [one for one in found if one is not None]
        assert data.startswith(b"".join(messages.pack(*one, caps) for one in told))
        for kind, _, body in told:
            with suppress(messages.Malformed):
                assert bodies.get(kind, bytes)(body) == body


def _messages(pieces: list[bytes], caps: dict[int, int]) -> list[tuple[int, int, bytes] | None]:
    """The messages, and None where the stream broke off."""
    stream = messages.Messages(caps)
    found: list[tuple[int, int, bytes] | None] = []
    try:
        for piece in pieces:
            found += stream.feed(piece)
    except messages.Malformed:
        found.append(None)
    return found


def frames(data: bytes) -> None:
    """Bytes on the line: frames that are written the same again, the same ones in pieces, and ends that stay sane."""
    with python_memory(BYTES):
        for piece in data.split(b"\0"):
            one = frame.decode(piece, cobs)
            if one is not None:
                again = one.encode(cobs).strip(b"\0")
                assert again in (piece, piece[:-1]), "written otherwise"  # a block of nothing may end what was read
        pieces = [data[at : at + 61] for at in range(0, len(data), 61)]
        assert _frames(pieces) == _frames([data])
        for host in (False, True):
            _lives(Channel(host, bytes, SESSION, cobs), pieces)


def _frames(pieces: list[bytes]) -> list[dict[str, Any]]:
    deframer = frame.Deframer(cobs)
    return [vars(one) for piece in pieces for one in deframer.feed(piece)]


def _lives(end: Channel, pieces: list[bytes]) -> None:
    """An end says no more than a few frames for each that it hears, and what it says is frames."""
    end.start(0)
    for count, piece in enumerate(pieces):
        now = 100 * count
        for kind, _, _ in [*end.feed(piece, now), *end.tick(now)]:
            if kind == CONNECTED:
                end.send(b"payload", now)
        due = end.due()
        assert due is None or due <= now + SILENCE_MS
        said = end.output()
        assert len(said) <= 100 + 10 * len(piece)
        assert len(_frames([said])) == len([one for one in said.split(b"\0") if one])


ENTRIES: Final[dict[str, Callable[[bytes], None]]] = {
    "cbor": one_value,
    "cose": cose,
    "certificate": certificate,
    "request": request,
    "evidence": card_evidence,
    "record": record,
    "message": message,
    "enrolment": steps,
    "frame": frames,
    "journal": journal_entry.journal,
}

SEEDS: Final[dict[str, list[bytes]]] = {
    "cbor": [seeds.TOKENS[0][1:], *seeds.EVIDENCE, bytes.fromhex("a4010203810420a0f4f5"), b"\x1b" + bytes(8)],
    "cose": seeds.TOKENS,
    "certificate": [seeds.DEVICE, seeds.PATIENT, seeds.PATIENT_P384, seeds.FACILITY_CA, seeds.JPKI_CA],
    "request": [seeds.REQUEST],
    "evidence": seeds.EVIDENCE,
    "record": [b"\x00\x05token\x00\x08evidence", seeds.RECORD],
    "message": [
        *(messages.pack(kind, kind, body) for kind, body in seeds.BODIES.items()),
        *(messages.pack(kind, 0, b"") for kind in messages.CAPS),
    ],
    "enrolment": [
        *(messages.pack(kind, 0, body, enrolment.CAPS) for kind, body in seeds.STEPS.items()),
        *(messages.pack(kind, 0, b"", enrolment.CAPS) for kind in enrolment.CAPS),
    ],
    "frame": seeds.LINES,
    "journal": journal_entry.SEEDS,
}
