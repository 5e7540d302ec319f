"""How a reader gets its local identity (LDevID) from a host: the steps on a connection of purpose PAIRING.

Nothing in them is secret, so they need no TLS: what counts is signed, and people compare a code. The host commits to
its nonce before it sees the reader's, so that nobody on the cable has a choice of the host's code. Whoever poses as a
host does know the reader's code before REVEAL, and may try again for another: so the reader gives few nonces
(PROTOCOL.md has the figures).

The messages have the header of `firmware.wire.messages`, request id 0.
"""

import hashlib
import struct

from firmware.wire.channel import BROKEN, CONNECTED, LOST, RECEIVED
from firmware.wire.messages import Malformed, Messages, exactly, pack, pack_bytes, text, unpack_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.wire.channel import Channel

HELLO = 1
"""Host: certificate of its authority, commitment to its nonce."""
IDENTITY = 2
"""Reader: certificates of its maker's identity (IDevID first), certificate request (RFC 2986), nonce."""
REVEAL = 3
"""Host: its nonce. Now both know the code."""
PROOF = 4
"""Reader: signature by the maker's key, ES256, over `signed`."""
ISSUED = 5
"""Host, once the codes have been compared: the local identity."""
DONE = 6
"""Reader: it has the local identity on its disk."""
REFUSED = 7
"""Either: the reason, and the end."""

NONCE_SIZE = 32
SIGNATURE_SIZE = 64
MAX_CERTIFICATE = 4096
MAX_REQUEST = 4096
MAX_CHAIN = 4
MAX_REASON = 64
CODE_DIGITS = 6

STEP_MS = 10000
"""How long either end waits for a step that needs nobody's hand;"""
HAND_MS = 300000
"""for one that does: the code typed at the host, the button touched on the reader."""

CAPS = {
    HELLO: 2 + MAX_CERTIFICATE + NONCE_SIZE,
    IDENTITY: 1 + (MAX_CHAIN + 1) * (2 + MAX_CERTIFICATE) + NONCE_SIZE,
    REVEAL: NONCE_SIZE,
    PROOF: SIGNATURE_SIZE,
    ISSUED: MAX_CERTIFICATE,
    DONE: 0,
    REFUSED: MAX_REASON,
}
"""Largest body of each kind, bytes."""

_COMMITMENT = b"face card reader: pairing, commitment, 1\0"
_TRANSCRIPT = b"face card reader: pairing, transcript, 1\0"
_PROOF = b"face card reader: pairing, proof, 1\0"
_CODE = b"face card reader: pairing, code, 1\0"


class Steps:
    """The steps on a channel. Same life as a channel: after each call write `output`.

    An event is (kind, step, body): CONNECTED, RECEIVED with a step of CAPS, or LOST with the channel's reason in place
    of the step.
    """

    def __init__(self, channel: "Channel") -> None:
        """`channel`: of purpose PAIRING."""
        self._channel = channel
        self._messages = Messages(CAPS)

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._channel.start(now)

    def feed(self, data: bytes, now: int) -> list[tuple[int, int, bytes]]:
        """Bytes from the line; returns what happened."""
        return self._follow(self._channel.feed(data, now), now)

    def tick(self, now: int) -> list[tuple[int, int, bytes]]:
        """To be called at `due` at the latest; returns what happened."""
        return self._follow(self._channel.tick(now), now)

    def due(self) -> int | None:
        """When `tick` must be called next, in milliseconds."""
        return self._channel.due()

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._channel.output()

    def send(self, step: int, body: bytes, now: int) -> None:
        """Send one step. Raises Malformed beyond its cap."""
        self._channel.send(pack(step, 0, body, CAPS), now)

    def _follow(self, events: list[tuple[int, bytes, int]], now: int) -> list[tuple[int, int, bytes]]:
        happened = []
        for kind, data, reason in events:
            if kind == CONNECTED:
                self._messages = Messages(CAPS)
                happened.append((CONNECTED, 0, b""))
            elif kind == LOST:
                happened.append((LOST, reason, b""))
            else:
                try:
                    found = self._messages.feed(data)
                except Malformed:
                    self._channel.drop(BROKEN, now)
                    happened.append((LOST, BROKEN, b""))
                    break
                for step, _, body in found:
                    happened.append((RECEIVED, step, body))
        return happened


def commitment(host_nonce: bytes) -> bytes:
    """What HELLO gives of the host's nonce, 32 bytes."""
    return _sha256(_COMMITMENT + host_nonce)


def transcript(authority: bytes, idevid: bytes, request: bytes, host_nonce: bytes, reader_nonce: bytes) -> bytes:
    """Everything that both ends must have seen alike, 32 bytes. Certificates and request in DER."""
    pieces = _sha256(authority) + _sha256(idevid) + _sha256(request)
    return _sha256(_TRANSCRIPT + pieces + host_nonce + reader_nonce)


def signed(transcript: bytes) -> bytes:
    """What the maker's key signs."""
    return _PROOF + transcript


def code(transcript: bytes) -> str:
    """Six digits for people to compare."""
    number = int.from_bytes(_sha256(_CODE + transcript)[:8], "big") % 10**CODE_DIGITS
    return f"{number:06d}"


def pack_hello(authority: bytes, commitment: bytes) -> bytes:
    """Body of HELLO."""
    return pack_bytes(authority, MAX_CERTIFICATE) + commitment


def unpack_hello(body: bytes) -> tuple[bytes, bytes]:
    """Certificate of the authority, commitment. Raises Malformed."""
    authority, rest = unpack_bytes(body, MAX_CERTIFICATE)
    return authority, exactly(rest, NONCE_SIZE)


def pack_identity(chain: list[bytes], request: bytes, nonce: bytes) -> bytes:
    """Body of IDENTITY. Raises Malformed."""
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise Malformed(f"chain of {len(chain)}")
    out = struct.pack(">B", len(chain))
    for certificate in chain:
        out += pack_bytes(certificate, MAX_CERTIFICATE)
    return out + pack_bytes(request, MAX_REQUEST) + nonce


def unpack_identity(body: bytes) -> tuple[list[bytes], bytes, bytes]:
    """Chain, certificate request, nonce. Raises Malformed."""
    if not body or not 1 <= body[0] <= MAX_CHAIN:
        raise Malformed("chain")
    chain = []
    rest = body[1:]
    for _ in range(body[0]):
        certificate, rest = unpack_bytes(rest, MAX_CERTIFICATE)
        chain.append(certificate)
    request, rest = unpack_bytes(rest, MAX_REQUEST)
    return chain, request, exactly(rest, NONCE_SIZE)


def unpack_nonce(body: bytes) -> bytes:
    """Body of REVEAL. Raises Malformed."""
    return exactly(body, NONCE_SIZE)


def unpack_signature(body: bytes) -> bytes:
    """Body of PROOF: r then s. Raises Malformed."""
    return exactly(body, SIGNATURE_SIZE)


def unpack_reason(body: bytes) -> str:
    """Body of REFUSED. Raises Malformed."""
    return text(body)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
