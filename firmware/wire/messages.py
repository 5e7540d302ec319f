"""What reader and host say to each other inside TLS: fixed structs and opaque byte strings, each capped.

    offset  size  field
    0       1     kind
    1       4     request id, big-endian: an answer carries that of its question
    5       2     length of the body, big-endian

Byte strings inside a body carry a 2-byte length. PROTOCOL.md has the catalogue.
"""

import struct

SETTINGS = 1
"""Host to reader, first of all and whenever they change: who the host is, what it keeps to, its time -> DONE."""
OPEN_VISIT = 2
"""Reader to host: a patient begins -> NONCE."""
IDENTIFY = 3
"""Reader to host: DER certificate -> STANDING."""
DELIVER = 4
"""Reader to host: a sealed record -> RECEIPT."""
CALL_RECEPTION = 5
"""Reader to host: the patient asks for somebody -> DONE."""
REVOCATION = 6
"""Reader to host: DER certificate -> CERTIFICATE_STATUS."""
PRESCRIPTIONS = 7
"""Reader to host: SHA-256 of a certificate -> PRESCRIPTION_LIST."""
CHECK_PASSCODE = 8
"""Reader to host: what staff typed for a check by eye -> PASSCODE."""
RENEW = 9
"""Reader to host: a request for the next local identity -> ISSUED."""
NONCE = 0x41
STANDING = 0x42
RECEIPT = 0x43
DONE = 0x44
CERTIFICATE_STATUS = 0x45
PRESCRIPTION_LIST = 0x46
PASSCODE = 0x47
ISSUED = 0x48
ERROR = 0x4F
"""Answer to any question: error code. The question may be asked again."""

CANNOT = 1
"""Error codes: the host cannot do this now,"""
NOT_UNDERSTOOD = 2
"""or does not know the question, or its body is malformed."""

DEMO = 1
"""Flags of SETTINGS: a host for demo readers alone,"""
DISASTER = 2
"""the eligibility system is in its disaster mode (災害時),"""
HAS_PRESCRIPTIONS = 4
"""prescriptions can be chosen here (電子処方箋),"""
STAFF_CHECK = 8
"""staff may confirm a patient by eye (目視確認)."""
_FLAGS = DEMO | DISASTER | HAS_PRESCRIPTIONS | STAFF_CHECK

ASK_CONSENTS = 1
"""What STANDING lets a reader ask: the consents,"""
ASK_PRESCRIPTIONS = 2
"""which prescription."""
_ASKS = ASK_CONSENTS | ASK_PRESCRIPTIONS

GOOD = 1
"""CERTIFICATE_STATUS: valid, and not revoked as far as the host can ask,"""
EXPIRED = 2
REVOKED = 3
UNCERTAIN = 4
"""or the host cannot tell;"""
ENDING = 5
"""of use, and to be renewed soon;"""
ENDED = 6
"""of use to confirm the insurance, and for no consent."""
STATUSES = (GOOD, EXPIRED, REVOKED, UNCERTAIN, ENDING, ENDED)

PASSCODE_RIGHT = 1
PASSCODE_WRONG = 2
PASSCODE_LOCKED = 3
"""Too many wrong ones: none is looked at for a while."""
_VERDICTS = (PASSCODE_RIGHT, PASSCODE_WRONG, PASSCODE_LOCKED)

NONCE_SIZE = 32
CTI_SIZE = 16
DIGEST_SIZE = 32
SEALING_KEY_SIZE = 32
MAX_BRIDGE_ID = 64
MAX_FACILITY_KEY = 64
MAX_CERTIFICATE = 4096
MAX_REQUEST = 4096
MAX_RECORD = 9400
MAX_REFUSAL = 64
MAX_PRESCRIPTIONS = 16
MAX_PRESCRIPTION_ID = 32
MAX_ISSUER_NAME = 96
MAX_PASSCODE = 16

_LENGTH_SIZE = 2
CAPS = {
    SETTINGS: 2 * _LENGTH_SIZE + MAX_BRIDGE_ID + MAX_FACILITY_KEY + SEALING_KEY_SIZE + 10,
    OPEN_VISIT: 0,
    IDENTIFY: MAX_CERTIFICATE,
    DELIVER: MAX_RECORD,
    CALL_RECEPTION: 0,
    REVOCATION: MAX_CERTIFICATE,
    PRESCRIPTIONS: DIGEST_SIZE,
    CHECK_PASSCODE: _LENGTH_SIZE + MAX_PASSCODE,
    RENEW: MAX_REQUEST,
    NONCE: NONCE_SIZE,
    STANDING: 3,
    RECEIPT: CTI_SIZE + 1 + _LENGTH_SIZE + MAX_REFUSAL,
    DONE: 0,
    CERTIFICATE_STATUS: 1,
    PRESCRIPTION_LIST: 1 + MAX_PRESCRIPTIONS * (2 * _LENGTH_SIZE + MAX_PRESCRIPTION_ID + MAX_ISSUER_NAME + 4),
    PASSCODE: 2,
    ISSUED: MAX_CERTIFICATE,
    ERROR: 1,
}
"""Largest body of each kind, bytes."""

LIMITS_MS = {
    SETTINGS: 3000,
    OPEN_VISIT: 3000,
    IDENTIFY: 5000,
    DELIVER: 10000,
    CALL_RECEPTION: 3000,
    REVOCATION: 5000,
    PRESCRIPTIONS: 5000,
    CHECK_PASSCODE: 3000,
    RENEW: 5000,
}
"""How long whoever asks waits for the answer. A DELIVER is asked again after it, the others are given up."""

_HEADER = ">BIH"
_HEADER_SIZE = struct.calcsize(_HEADER)


class Malformed(Exception):
    """What arrived is no message of this catalogue."""


def pack(kind: int, request: int, body: bytes, caps: dict[int, int] = CAPS) -> bytes:
    """One message. Raises Malformed where `body` is longer than the catalogue, `caps`, allows."""
    if len(body) > caps[kind]:
        raise Malformed(f"message {kind} of {len(body)} bytes")
    return struct.pack(_HEADER, kind, request, len(body)) + body


class Messages:
    """Cuts a stream of bytes into messages."""

    def __init__(self, caps: dict[int, int] = CAPS) -> None:
        """`caps`: the kinds that may come, with the largest body of each."""
        self._caps = caps
        self._part = b""

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """The messages (kind, request id, body) that are complete now. Raises Malformed."""
        part = self._part + data
        found = []
        while len(part) >= _HEADER_SIZE:
            kind, request, length = struct.unpack(_HEADER, part[:_HEADER_SIZE])
            if length > self._caps.get(kind, -1):
                raise Malformed(f"message {kind} of {length} bytes")
            end = _HEADER_SIZE + length
            if len(part) < end:
                break
            found.append((kind, request, part[_HEADER_SIZE:end]))
            part = part[end:]
        self._part = part
        return found


def pack_settings(
    bridge_id: bytes, facility_key: bytes, sealing_key: bytes, facility_kind: int, flags: int, now: int
) -> bytes:
    """`facility_kind`: point-table code, 0-255. `flags`: DEMO and so on. `now`: the host's time, seconds since 1970
    UTC."""
    names = pack_bytes(bridge_id, MAX_BRIDGE_ID) + pack_bytes(facility_key, MAX_FACILITY_KEY)
    return names + sealing_key + struct.pack(">BBQ", facility_kind, flags, now)


def unpack_settings(body: bytes) -> tuple[bytes, bytes, bytes, int, int, int]:
    """Bridge id, facility key, sealing key, kind of facility, flags, host time. Raises Malformed."""
    bridge_id, rest = unpack_bytes(body, MAX_BRIDGE_ID)
    facility_key, rest = unpack_bytes(rest, MAX_FACILITY_KEY)
    facility_kind, flags, now = _unpack(">BBQ", rest[SEALING_KEY_SIZE:])
    return bridge_id, facility_key, rest[:SEALING_KEY_SIZE], facility_kind, _bits(flags, _FLAGS), now


def unpack_nonce(body: bytes) -> bytes:
    """The nonce itself. Raises Malformed."""
    return exactly(body, NONCE_SIZE)


def pack_standing(registered: bool, validity: int, may_ask: int) -> bytes:
    """`validity`: QualificationValidity, 0-255. `may_ask`: ASK_CONSENTS and so on."""
    return struct.pack(">BBB", registered, validity, may_ask)


def unpack_standing(body: bytes) -> tuple[bool, int, int]:
    """Registered, validity class, what may be asked. Raises Malformed."""
    registered, validity, may_ask = _unpack(">BBB", body)
    return _flag(registered), validity, _bits(may_ask, _ASKS)


def unpack_certificate_status(body: bytes) -> int:
    """One of STATUSES. Raises Malformed."""
    (status,) = _unpack(">B", body)
    return _one_of(status, STATUSES)


def unpack_digest(body: bytes) -> bytes:
    """Body of PRESCRIPTIONS: SHA-256 of a certificate. Raises Malformed."""
    return exactly(body, DIGEST_SIZE)


def pack_prescriptions(prescriptions: list[tuple[bytes, int, str]]) -> bytes:
    """Each: id, day of issue as the number YYYYMMDD, name of who issued it. Raises Malformed."""
    if len(prescriptions) > MAX_PRESCRIPTIONS:
        raise Malformed(f"{len(prescriptions)} prescriptions")
    out = struct.pack(">B", len(prescriptions))
    for number, day, issuer in prescriptions:
        out += pack_bytes(number, MAX_PRESCRIPTION_ID) + struct.pack(">I", day)
        out += pack_bytes(issuer.encode(), MAX_ISSUER_NAME)
    return out


def unpack_prescriptions(body: bytes) -> list[tuple[bytes, int, str]]:
    """As `pack_prescriptions` took them. Raises Malformed."""
    (count,) = _unpack(">B", body[:1])
    if count > MAX_PRESCRIPTIONS:
        raise Malformed(f"{count} prescriptions")
    rest = body[1:]
    found = []
    for _ in range(count):
        number, rest = unpack_bytes(rest, MAX_PRESCRIPTION_ID)
        (day,) = _unpack(">I", rest[:4])
        issuer, rest = unpack_bytes(rest[4:], MAX_ISSUER_NAME)
        found.append((number, day, text(issuer)))
    _nothing(rest)
    return found


def pack_passcode(passcode: str) -> bytes:
    """Body of CHECK_PASSCODE. Raises Malformed for one that is too long."""
    return pack_bytes(passcode.encode(), MAX_PASSCODE)


def unpack_passcode(body: bytes) -> str:
    """The passcode. Raises Malformed."""
    passcode, rest = unpack_bytes(body, MAX_PASSCODE)
    _nothing(rest)
    return text(passcode)


def pack_verdict(verdict: int, tries_left: int) -> bytes:
    """Body of PASSCODE. `verdict`: PASSCODE_RIGHT and so on."""
    return struct.pack(">BB", verdict, tries_left)


def unpack_verdict(body: bytes) -> tuple[int, int]:
    """Verdict, tries left. Raises Malformed."""
    verdict, tries_left = _unpack(">BB", body)
    return _one_of(verdict, _VERDICTS), tries_left


def pack_receipt(cti: bytes, accepted: bool, refusal: str) -> bytes:
    """`refusal` is the reason's name, empty where the token was accepted."""
    return exactly(cti, CTI_SIZE) + struct.pack(">B", accepted) + pack_bytes(refusal.encode(), MAX_REFUSAL)


def unpack_receipt(body: bytes) -> tuple[bytes, bool, str]:
    """Token id, accepted, reason of a refusal or "". Raises Malformed."""
    (accepted,) = _unpack(">B", body[CTI_SIZE : CTI_SIZE + 1])
    refusal, rest = unpack_bytes(body[CTI_SIZE + 1 :], MAX_REFUSAL)
    _nothing(rest)
    if _flag(accepted) is bool(refusal):
        raise Malformed("a refusal without a reason, or a reason without one")
    return body[:CTI_SIZE], bool(accepted), text(refusal)


def pack_bytes(data: bytes, cap: int) -> bytes:
    """A byte string inside a body. Raises Malformed beyond `cap`."""
    if len(data) > cap:
        raise Malformed(f"field of {len(data)} bytes")
    return struct.pack(">H", len(data)) + data


def unpack_bytes(body: bytes, cap: int) -> tuple[bytes, bytes]:
    """The byte string that `body` begins with, and the rest. Raises Malformed."""
    (length,) = _unpack(">H", body[:_LENGTH_SIZE])
    if length > cap or len(body) < _LENGTH_SIZE + length:
        raise Malformed(f"field of {length} bytes")
    end = _LENGTH_SIZE + length
    return body[_LENGTH_SIZE:end], body[end:]


def text(data: bytes) -> str:
    """UTF-8. Raises Malformed."""
    try:
        return data.decode()
    except UnicodeError:
        raise Malformed("text that is none") from None


def exactly(body: bytes, size: int) -> bytes:
    """`body` itself. Raises Malformed where it has another size."""
    if len(body) != size:
        raise Malformed(f"{len(body)} bytes, {size} expected")
    return body


def _unpack(layout: str, body: bytes) -> tuple[int, ...]:
    if len(body) != struct.calcsize(layout):
        raise Malformed(f"{len(body)} bytes for {layout}")
    return struct.unpack(layout, body)


def _flag(value: int) -> bool:
    return bool(_one_of(value, (0, 1)))


def _bits(value: int, known: int) -> int:
    if value & ~known:
        raise Malformed(f"unknown bits in {value}")
    return value


def _one_of(value: int, allowed: tuple[int, ...]) -> int:
    if value not in allowed:
        raise Malformed(f"{value} is none of {allowed}")
    return value


def _nothing(rest: bytes) -> None:
    if rest:
        raise Malformed(f"{len(rest)} bytes too many")
