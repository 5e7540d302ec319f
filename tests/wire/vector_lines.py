"""Vectors of frames, of the channel, of pairing and of a whole session."""

import binascii
import hashlib
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from plain import Luck
from vector_history import History, Json
from vector_identities import BRIDGE, Identity, certificate, elliptic

from firmware.wire import channel as ch
from firmware.wire import cobs, enrolment, frame, messages
from firmware.wire.frame import Frame
from firmware.wire.tls import Received, SecureChannel

KINDS = {frame.OPEN: "OPEN", frame.OPENED: "OPENED", frame.DATA: "DATA", frame.ACK: "ACK", frame.RESET: "RESET"}


def frames() -> Json:
    """Frames both ways, and what is none."""
    ack = (frame.ACK, True, 0x89ABCDEF, 7, b"")
    good = [
        (frame.OPEN, True, 0x12345678, 0, b"\1"),
        (frame.OPEN, True, 0x12345678, 0, b"\2"),
        (frame.OPENED, False, 0x12345678, 0, bytes.fromhex("9a9a9a9a")),
        *[(frame.RESET, from_host, 1, 0, bytes([reason])) for from_host in (True, False) for reason in range(1, 8)],
        ack,
        (frame.ACK, False, 0, 0xFFFF, b""),
        *[(frame.DATA, False, 0xFFFFFFFF, 0, b"\xff" * size) for size in (0, 1, 249, 250, 251)],
        (frame.DATA, True, 0x01000000, 0x0100, b"\0" * 8),
        (frame.DATA, True, 0x88E2E2E2, 1, b"\xff" * frame.MAX_PAYLOAD),
        (frame.DATA, False, 0x88E2E2E2, 2, b"\0" * frame.MAX_PAYLOAD),
    ]
    whole = Frame(*ack).encode(cobs)
    inside = cobs.decode(whole[1:-1])
    assert inside is not None
    dropped = {
        "a flipped bit": whole[:5] + bytes([whole[5] ^ 0x10]) + whole[6:],
        "cut short": whole[:7] + b"\0",
        "version 2, with the CRC that fits": _framed(b"\2" + inside[1:-4]),
        "header of 7 bytes, with the CRC that fits": _framed(inside[:7]),
        "no payload and no header, with the CRC that fits": _framed(b""),
        "a wrong CRC": b"\0" + cobs.encode(inside[:-1] + bytes([inside[-1] ^ 1])) + b"\0",
        "payload of 1,001 bytes": Frame(frame.DATA, True, 1, 0, b"\0" * 1001).encode(cobs),
        "no COBS: a block longer than what is there": b"\0\x05\x11\0",
        "nothing between two zeros": b"\0\0",
    }
    return {
        "frames": [
            {
                "kind": KINDS[kind],
                "from": "host" if from_host else "reader",
                "connection": connection,
                "sequence": sequence,
                "payload": payload.hex(),
                "bytes": Frame(kind, from_host, connection, sequence, payload).encode(cobs).hex(),
            }
            for kind, from_host, connection, sequence, payload in good
        ],
        "damaged": [{"dropped": why, "bytes": line.hex()} for why, line in dropped.items()],
    }


def _framed(body: bytes) -> bytes:
    return b"\0" + cobs.encode(body + binascii.crc32(body).to_bytes(4, "big")) + b"\0"


def channels() -> list[Json]:
    """How a connection begins, what it bears, and how it ends."""
    return [make(History(Luck(number).take)) for number, make in enumerate(_STORIES, 1)] + [
        _another_purpose(ch.SESSION, ch.PAIRING, "a session with a reader that is not paired"),
        _another_purpose(ch.PAIRING, ch.SESSION, "pairing with a reader that is paired"),
    ]


def _opened(history: History) -> History:
    history.start()
    history.carry()
    return history


def _clean(history: History) -> Json:
    _opened(history)
    history.now += 5
    history.channels["host"].send(b"question", history.now)
    history.channels["reader"].send(b"answer", history.now)
    history.carry()
    history.wait("host")
    history.carry()
    return history.json("opened, data both ways, a sign of life after a second")


def _lost_opening(history: History) -> Json:
    history.start()
    history.lose("reader")
    history.wait("host")
    history.hear("reader", history.line["reader"].pop())
    history.lose("host")
    history.wait("host")
    history.carry()
    return history.json("an OPEN is lost, then an OPENED: the next OPEN gets the same answer")


def _lost_data(history: History) -> Json:
    _opened(history)
    history.channels["reader"].send(b"token", history.now)
    history.lose("host")
    history.wait("reader")
    damaged = bytearray(history.written(history.line["host"].pop()))
    damaged[7] ^= 4
    history.hear_noise("host", bytes(damaged))
    history.wait("reader")
    history.hear("host", history.line["host"].pop())
    history.lose("reader")  # the acknowledgement
    history.wait("reader")
    twice = history.line["host"][0]
    history.carry()
    history.hear("host", twice)
    history.carry()
    return history.json("DATA is lost, damaged, repeated, its ACK lost: it arrives once")


def _echo(history: History) -> Json:
    history.start()
    history.hear("host", history.line["reader"][0])
    history.carry()
    history.channels["reader"].send(b"question", history.now)
    history.hear("reader", history.line["host"][0])
    history.carry()
    return history.json("the line echoes: an end's own frames mean nothing to it")


def _restarted_reader(history: History) -> Json:
    _opened(history)
    history.now += 300
    history.restart("reader")
    history.wait("host")
    history.carry()
    history.wait("host")
    history.carry()
    return history.json("the reader restarts: RESET (unknown) to the next sign of life, a new connection 100 ms later")


def _restarted_host(history: History) -> Json:
    _opened(history)
    history.now += 300
    history.restart("host")
    history.carry()
    return history.json("the host restarts: its new OPEN replaces the old connection")


def _pulled(history: History) -> Json:
    _opened(history)
    history.channels["host"].send(b"answer", history.now)
    while not any(kind == ch.LOST for kind, _, _ in history.happened["host"]):
        history.wait("host")
        history.lose("reader")
    history.wait("reader")
    return history.json("the cable is pulled: the host gives up after 4 s, the reader after 12 s")


def _refused(history: History) -> Json:
    _opened(history)
    history.now += 20
    history.channels["host"].drop(ch.REFUSED, history.now)
    history.carry()
    history.wait("host")
    history.carry()
    return history.json("the host refuses the reader's certificate, and opens again after 2 s")


_STORIES: tuple[Callable[[History], Json], ...] = (
    _clean,
    _lost_opening,
    _lost_data,
    _echo,
    _restarted_reader,
    _restarted_host,
    _pulled,
    _refused,
)


def _another_purpose(host: int, reader: int, name: str) -> Json:
    history = _opened(History(Luck(host).take, host, reader))
    history.wait("host")
    history.carry()
    return history.json(name)


def pairing(parties: dict[str, Identity]) -> Json:
    """A pairing that comes to its end."""
    host_nonce, reader_nonce = Luck(20).take(32), Luck(21).take(32)
    authority, idevid = certificate(parties["authority"]), certificate(parties["idevid"])
    request = bytes.fromhex(parties["reader"]["request"])
    seen = enrolment.transcript(authority, idevid, request, host_nonce, reader_nonce)
    chain = [idevid, certificate(parties["maker"])]
    steps = [
        ("host", enrolment.HELLO, enrolment.pack_hello(authority, enrolment.commitment(host_nonce))),
        ("reader", enrolment.IDENTITY, enrolment.pack_identity(chain, request, reader_nonce)),
        ("host", enrolment.REVEAL, host_nonce),
        ("reader", enrolment.PROOF, es256(elliptic(parties["idevid"]), enrolment.signed(seen))),
        ("host", enrolment.ISSUED, certificate(parties["reader"])),
        ("reader", enrolment.DONE, b""),
    ]
    history = History(Luck(22).take, ch.PAIRING, ch.PAIRING)
    history.ends = {end: enrolment.Steps(channel) for end, channel in history.channels.items()}
    history.start()
    history.carry()
    for end, step, body in steps:
        history.now += 40
        history.ends[end].send(step, body, history.now)
        history.carry()
    return history.json("pairing") | {
        "host_nonce": host_nonce.hex(),
        "reader_nonce": reader_nonce.hex(),
        "transcript": seen.hex(),
        "code": enrolment.code(seen),
    }


def es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """r, then s; the same one for the same message (RFC 6979)."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def session(parties: dict[str, Identity], sealed: bytes, cti: bytes) -> Json:
    """A session from OPEN to renewal, with a frame lost on the way. `sealed`: the record of token `cti`."""
    host = parties["host"]
    patient = certificate(parties["card_authentication"])
    settings = messages.pack_settings(
        bytes.fromhex(BRIDGE),
        bytes.fromhex(host["facility_key"]),
        bytes.fromhex(host["sealing_key"]),
        1,
        messages.DEMO | messages.HAS_PRESCRIPTIONS,
        1_796_000_000,
    )
    prescriptions = messages.pack_prescriptions([(b"RX-0001", 20261129, "青空クリニック")])
    talk = [
        ("host", messages.SETTINGS, 0, settings),
        ("reader", messages.DONE, 0, b""),
        ("reader", messages.OPEN_VISIT, 1, b""),
        ("host", messages.NONCE, 1, bytes(range(100, 132))),
        ("reader", messages.IDENTIFY, 2, patient),
        ("reader", messages.REVOCATION, 3, b"no certificate"),
        ("host", messages.STANDING, 2, messages.pack_standing(True, 1, messages.ASK_CONSENTS)),
        ("host", messages.ERROR, 3, bytes([messages.NOT_UNDERSTOOD])),
        ("reader", messages.REVOCATION, 4, patient),
        ("host", messages.CERTIFICATE_STATUS, 4, bytes([messages.GOOD])),
        ("reader", messages.PRESCRIPTIONS, 5, hashlib.sha256(patient).digest()),
        ("host", messages.PRESCRIPTION_LIST, 5, prescriptions),
        ("reader", messages.CHECK_PASSCODE, 6, messages.pack_passcode("4711")),
        ("host", messages.PASSCODE, 6, messages.pack_verdict(messages.PASSCODE_WRONG, 4)),
        ("reader", messages.DELIVER, 7, sealed),
        ("host", messages.RECEIPT, 7, messages.pack_receipt(cti, True, "")),
        ("reader", messages.CALL_RECEPTION, 8, b""),
        ("host", messages.DONE, 8, b""),
        ("reader", messages.RENEW, 9, bytes.fromhex(parties["renewed_reader"]["request"])),
        ("host", messages.ISSUED, 9, certificate(parties["renewed_reader"])),
    ]
    history = History(Luck(30).take)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "secrets")
        for end in ("host", "reader"):
            context = _context(end, parties, Path(folder))
            context.keylog_filename = str(log) if end == "host" else None
            history.ends[end] = SecureChannel(history.channels[end], _maker(context, end))
        history.start()
        history.carry()
        for end, kind, request, body in talk:
            history.now += 30
            history.ends[end].send(kind, request, body, history.now)
            if kind == messages.STANDING:
                history.lose("reader")
                history.wait("host")
            history.carry()
        secrets = [line for line in log.read_text().splitlines() if line and not line.startswith("#")]
    heard = [one for end in ("host", "reader") for one in history.happened[end] if isinstance(one, Received)]
    assert len(heard) == len(talk)
    return history.json("session") | {
        "secrets": secrets,
        "messages": [
            {"from": end, "kind": kind, "request": request, "body": body.hex()} for end, kind, request, body in talk
        ],
    }


def _maker(context: ssl.SSLContext, end: str) -> Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject]:
    return lambda incoming, outgoing: context.wrap_bio(incoming, outgoing, server_side=end == "reader")


def _context(end: str, parties: dict[str, Identity], folder: Path) -> ssl.SSLContext:
    """As the programs make theirs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if end == "reader" else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if end == "reader":
        context.num_tickets = 0
    chain, key = folder / f"{end}.pem", folder / f"{end}.key"
    chain.write_text(ssl.DER_cert_to_PEM_cert(certificate(parties[end])))
    key.write_bytes(elliptic(parties[end]).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context.load_cert_chain(chain, key)
    context.load_verify_locations(cadata=certificate(parties["authority"]))
    return context
