"""What a reader hands the host at pairing: a request for a local identity, vouched for by its maker's.

Body: DER certificate request (RFC 2986), ES256 signature by the maker's key (IDevID, IEEE 802.1AR) over `proof`,
DER certificates of that key, IDevID first. Byte strings with 2-byte lengths.
"""

import struct

MAX_REQUEST = 4096
MAX_CERTIFICATE = 4096
MAX_CHAIN = 4
SIGNATURE_SIZE = 64
MAX_SIZE = 2 + MAX_REQUEST + SIGNATURE_SIZE + 1 + MAX_CHAIN * (2 + MAX_CERTIFICATE)

_DOMAIN = b"face card reader: request for a local identity, 1\0"


class MalformedRequest(Exception):
    """These bytes are no such request."""


def proof(csr: bytes) -> bytes:
    """What the maker's key signs for a certificate request."""
    return _DOMAIN + csr


def pack_request(csr: bytes, signature: bytes, chain: list[bytes]) -> bytes:
    """The file that travels to the host. `signature`: r then s, 64 bytes."""
    out = struct.pack(">H", len(csr)) + csr + signature + struct.pack(">B", len(chain))
    for certificate in chain:
        out += struct.pack(">H", len(certificate)) + certificate
    return out


def unpack_request(data: bytes) -> tuple[bytes, bytes, list[bytes]]:
    """Certificate request, signature, chain. Raises MalformedRequest."""
    if len(data) > MAX_SIZE:
        raise MalformedRequest(f"{len(data)} bytes")
    csr, at = _field(data, 0, MAX_REQUEST)
    signature = data[at : at + SIGNATURE_SIZE]
    at += SIGNATURE_SIZE
    if at >= len(data) or not 1 <= data[at] <= MAX_CHAIN:
        raise MalformedRequest("chain")
    chain = []
    count = data[at]
    at += 1
    for _ in range(count):
        certificate, at = _field(data, at, MAX_CERTIFICATE)
        chain.append(certificate)
    if at != len(data):
        raise MalformedRequest(f"{len(data) - at} bytes too many")
    return csr, signature, chain


def _field(data: bytes, at: int, cap: int) -> tuple[bytes, int]:
    if at + 2 > len(data):
        raise MalformedRequest("cut short")
    (length,) = struct.unpack(">H", data[at : at + 2])
    end = at + 2 + length
    if length > cap or end > len(data):
        raise MalformedRequest(f"field of {length} bytes")
    return data[at + 2 : end], end
