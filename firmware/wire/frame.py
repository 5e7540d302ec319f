"""One frame on the line: a header, at most 1,000 bytes, a CRC-32; COBS between two zero bytes.

    offset  size  field
    0       1     version, 1
    1       1     kind; bit 7 set in what the host sends
    2       4     connection id, big-endian
    6       2     sequence number, big-endian
    8       n     payload, n <= 1,000
    8 + n   4     CRC-32 (IEEE 802.3) over all before it, big-endian

A frame begins with a zero too, so that noise before it costs nothing but itself.
"""

import binascii
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Codec(Protocol):
        """Consistent Overhead Byte Stuffing: `firmware.wire.cobs` is one."""

        def encode(self, data: bytes) -> bytes:
            """`data` without zero bytes, in the encoding's shortest form."""

        def decode(self, data: bytes) -> bytes | None:
            """What `encode` was given, or None where `data` is no such encoding."""


VERSION = 1
MAX_PAYLOAD = 1000
"""Bytes of payload in one frame; the whole frame stays under 1,024 bytes on the line."""

OPEN = 1
"""Host to reader: begin a connection; the id is the host's half."""
OPENED = 2
"""Reader to host: begun; same id, payload = the reader's half, 4 bytes."""
DATA = 3
"""One piece of the stream, to be acknowledged; an empty one asks for a sign of life."""
ACK = 4
"""The DATA frame of this sequence number has arrived."""
RESET = 5
"""This connection is over; payload = reason, 1 byte."""

_FROM_HOST = 0x80
_HEADER = ">BBIH"
_HEADER_SIZE = struct.calcsize(_HEADER)
_CRC_SIZE = 4
_MAX_RAW = _HEADER_SIZE + MAX_PAYLOAD + _CRC_SIZE
_MAX_ENCODED = _MAX_RAW + _MAX_RAW // 254 + 1
"""Longest frame between its zeros: COBS adds a byte for each 254, and one."""


class Frame:
    """One frame. `from_host` tells the directions apart: a line that echoes gives a sender its own frames back."""

    def __init__(self, kind: int, from_host: bool, connection: int, sequence: int = 0, payload: bytes = b"") -> None:
        self.kind = kind
        self.from_host = from_host
        self.connection = connection
        self.sequence = sequence
        self.payload = payload

    def encode(self, codec: "Codec") -> bytes:
        """The frame as it goes onto the line."""
        kind = self.kind | _FROM_HOST if self.from_host else self.kind
        body = struct.pack(_HEADER, VERSION, kind, self.connection, self.sequence) + self.payload
        return b"\0" + codec.encode(body + struct.pack(">I", binascii.crc32(body))) + b"\0"


def decode(encoded: bytes, codec: "Codec") -> Frame | None:
    """The frame between two zeros, or None where it is damaged, too long or of another version."""
    if len(encoded) > _MAX_ENCODED:
        return None
    raw = codec.decode(encoded)
    if raw is None or not _HEADER_SIZE + _CRC_SIZE <= len(raw) <= _MAX_RAW:
        return None
    body = raw[:-_CRC_SIZE]
    if struct.unpack(">I", raw[-_CRC_SIZE:])[0] != binascii.crc32(body):
        return None
    version, kind, connection, sequence = struct.unpack(_HEADER, body[:_HEADER_SIZE])
    if version != VERSION:
        return None
    payload = body[_HEADER_SIZE:]
    return Frame(kind & ~_FROM_HOST, bool(kind & _FROM_HOST), connection, sequence, payload)


class Deframer:
    """Cuts what arrives into frames; forgets what is none."""

    def __init__(self, codec: "Codec") -> None:
        self._codec = codec
        self._part = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Keeps at most one frame's length of an incomplete one."""
        *whole, rest = (self._part + data).split(b"\0")
        self._part = rest[: _MAX_ENCODED + 1]  # one byte too many marks a frame as too long, whatever follows
        frames = [decode(piece, self._codec) for piece in whole if piece]
        return [frame for frame in frames if frame is not None]
