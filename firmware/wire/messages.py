"""What reader and host say to each other inside TLS: fixed structs and opaque byte strings, each capped.

    offset  size  field
    0       1     kind
    1       4     request id, big-endian: an answer carries that of its question
    5       2     length of the body, big-endian

Byte strings inside a body carry a 2-byte length. PROTOCOL.md has the catalogue.
"""

import struct

WELCOME = 1
"""Host to reader, first of all: bridge id, facility key, kind of facility, demo flag, host time -> DONE."""
OPEN_VISIT = 2
"""Reader to host: a patient begins -> NONCE."""
IDENTIFY = 3
"""Reader to host: DER certificate -> STANDING."""
DELIVER = 4
"""Reader to host: token, evidence -> RECEIPT."""
CALL_RECEPTION = 5
"""Reader to host: the patient asks for somebody -> DONE."""
NONCE = 0x41
STANDING = 0x42
RECEIPT = 0x43
DONE = 0x44
ERROR = 0x4F
"""Answer to any question: error code. The question may be asked again."""

CANNOT = 1
"""Error codes: the host cannot do this now,"""
NOT_UNDERSTOOD = 2
"""or does not know the question, or its body is malformed."""

GOOD = 1
"""Status of a certificate in STANDING: valid, and not revoked as far as the host can ask,"""
EXPIRED = 2
REVOKED = 3
UNCERTAIN = 4
"""or the host cannot tell;"""
ENDING = 5
"""of use, and to be renewed soon;"""
ENDED = 6
"""of use to confirm the insurance, and for no consent."""
STATUSES = (GOOD, EXPIRED, REVOKED, UNCERTAIN, ENDING, ENDED)

NONCE_SIZE = 32
CTI_SIZE = 16
MAX_BRIDGE_ID = 64
MAX_FACILITY_KEY = 64
MAX_CERTIFICATE = 4096
MAX_TOKEN = 1024
MAX_EVIDENCE = 8192
MAX_REFUSAL = 64

_LENGTH_SIZE = 2
CAPS = {
    WELCOME: 2 * _LENGTH_SIZE + MAX_BRIDGE_ID + MAX_FACILITY_KEY + 10,
    OPEN_VISIT: 0,
    IDENTIFY: MAX_CERTIFICATE,
    DELIVER: 2 * _LENGTH_SIZE + MAX_TOKEN + MAX_EVIDENCE,
    CALL_RECEPTION: 0,
    NONCE: NONCE_SIZE,
    STANDING: 3,
    RECEIPT: CTI_SIZE + 1 + _LENGTH_SIZE + MAX_REFUSAL,
    DONE: 0,
    ERROR: 1,
}
"""Largest body of each kind, bytes."""

LIMITS_MS = {WELCOME: 3000, OPEN_VISIT: 3000, IDENTIFY: 5000, DELIVER: 10000, CALL_RECEPTION: 3000}
"""How long whoever asks waits for the answer. A DELIVER is asked again after it, the others are given up."""

_HEADER = ">BIH"
_HEADER_SIZE = struct.calcsize(_HEADER)


class Malformed(Exception):
    """What arrived is no message of this catalogue."""


def pack(kind: int, request: int, body: bytes) -> bytes:
    """One message. Raises Malformed where `body` is longer than the catalogue allows."""
    if len(body) > CAPS[kind]:
        raise Malformed(f"message {kind} of {len(body)} bytes")
    return struct.pack(_HEADER, kind, request, len(body)) + body


class Messages:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._part = b""

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """The messages (kind, request id, body) that are complete now. Raises Malformed."""
        part = self._part + data
        found = []
        while len(part) >= _HEADER_SIZE:
            kind, request, length = struct.unpack(_HEADER, part[:_HEADER_SIZE])
            if length > CAPS.get(kind, -1):
                raise Malformed(f"message {kind} of {length} bytes")
            end = _HEADER_SIZE + length
            if len(part) < end:
                break
            found.append((kind, request, part[_HEADER_SIZE:end]))
            part = part[end:]
        self._part = part
        return found


def pack_welcome(bridge_id: bytes, facility_key: bytes, facility_kind: int, demo: bool, now: int) -> bytes:
    """`facility_kind`: point-table code, 0-255. `now`: the host's time, seconds since 1970 UTC."""
    names = _pack_bytes(bridge_id, MAX_BRIDGE_ID) + _pack_bytes(facility_key, MAX_FACILITY_KEY)
    return names + struct.pack(">BBQ", facility_kind, demo, now)


def unpack_welcome(body: bytes) -> tuple[bytes, bytes, int, bool, int]:
    """Bridge id, facility key, kind of facility, demo flag, host time. Raises Malformed."""
    bridge_id, rest = _unpack_bytes(body, MAX_BRIDGE_ID)
    facility_key, rest = _unpack_bytes(rest, MAX_FACILITY_KEY)
    facility_kind, demo, now = _unpack(">BBQ", rest)
    return bridge_id, facility_key, facility_kind, bool(demo), now


def pack_delivery(token: bytes, evidence: bytes) -> bytes:
    """Body of DELIVER."""
    return _pack_bytes(token, MAX_TOKEN) + _pack_bytes(evidence, MAX_EVIDENCE)


def unpack_delivery(body: bytes) -> tuple[bytes, bytes]:
    """Token and evidence. Raises Malformed."""
    token, rest = _unpack_bytes(body, MAX_TOKEN)
    evidence, rest = _unpack_bytes(rest, MAX_EVIDENCE)
    _nothing(rest)
    return token, evidence


def unpack_nonce(body: bytes) -> bytes:
    """The nonce itself. Raises Malformed."""
    if len(body) != NONCE_SIZE:
        raise Malformed(f"nonce of {len(body)} bytes")
    return body


def pack_standing(registered: bool, certificate: int, validity: int) -> bytes:
    """`certificate`: one of STATUSES. `validity`: QualificationValidity, 0-255."""
    return struct.pack(">BBB", registered, certificate, validity)


def unpack_standing(body: bytes) -> tuple[bool, int, int]:
    """Registered, status of the certificate, validity class. Raises Malformed."""
    registered, certificate, validity = _unpack(">BBB", body)
    if certificate not in STATUSES:
        raise Malformed(f"certificate status {certificate}")
    return bool(registered), certificate, validity


def pack_receipt(cti: bytes, accepted: bool, refusal: str) -> bytes:
    """`refusal` is the reason's name, empty where the token was accepted."""
    if len(cti) != CTI_SIZE:
        raise Malformed(f"token id of {len(cti)} bytes")
    return cti + struct.pack(">B", accepted) + _pack_bytes(refusal.encode(), MAX_REFUSAL)


def unpack_receipt(body: bytes) -> tuple[bytes, bool, str]:
    """Token id, accepted, reason of a refusal or "". Raises Malformed."""
    (accepted,) = _unpack(">B", body[CTI_SIZE : CTI_SIZE + 1])
    refusal, rest = _unpack_bytes(body[CTI_SIZE + 1 :], MAX_REFUSAL)
    _nothing(rest)
    return body[:CTI_SIZE], bool(accepted), _text(refusal)


def _pack_bytes(data: bytes, cap: int) -> bytes:
    if len(data) > cap:
        raise Malformed(f"field of {len(data)} bytes")
    return struct.pack(">H", len(data)) + data


def _unpack_bytes(body: bytes, cap: int) -> tuple[bytes, bytes]:
    (length,) = _unpack(">H", body[:_LENGTH_SIZE])
    if length > cap or len(body) < _LENGTH_SIZE + length:
        raise Malformed(f"field of {length} bytes")
    end = _LENGTH_SIZE + length
    return body[_LENGTH_SIZE:end], body[end:]


def _unpack(layout: str, body: bytes) -> tuple[int, ...]:
    if len(body) != struct.calcsize(layout):
        raise Malformed(f"{len(body)} bytes for {layout}")
    return struct.unpack(layout, body)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeError:
        raise Malformed("text that is none") from None


def _nothing(rest: bytes) -> None:
    if rest:
        raise Malformed(f"{len(rest)} bytes too many")
