"""What was said in a TLS 1.3 connection (RFC 8446), from its bytes and the secrets that an end has written down."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_SUITES: dict[int, tuple[HashAlgorithm, type[AESGCM] | type[ChaCha20Poly1305], int]] = {
    0x1301: (SHA256(), AESGCM, 16),
    0x1302: (SHA384(), AESGCM, 32),
    0x1303: (SHA256(), ChaCha20Poly1305, 32),
}
"""Appendix B.4: hash, cipher, size of its key."""
_HANDSHAKE, _ENCRYPTED = 22, 23
_SERVER_HELLO, FINISHED = 2, 20


def secrets_of(log: Iterable[str]) -> dict[str, bytes]:
    """The lines of a key log (NSS format) by their label."""
    return {label: bytes.fromhex(secret) for label, _, secret in (line.split() for line in log)}


def suite_of(from_server: bytes) -> int:
    """The cipher suite that the server chose."""
    kind, hello = next(_records(from_server))
    assert (kind, hello[0]) == (_HANDSHAKE, _SERVER_HELLO)
    session_id_size = hello[4 + 2 + 32]
    at = 4 + 2 + 32 + 1 + session_id_size
    return int.from_bytes(hello[at : at + 2], "big")


def opened(stream: bytes, suite: int, handshake_secret: bytes, traffic_secret: bytes) -> tuple[bytes, bytes]:
    """The encrypted handshake messages of one direction, and its application data. Raises InvalidTag."""
    handshake = application = b""
    keys = _keys(suite, handshake_secret)
    for kind, body in _records(stream):
        if kind != _ENCRYPTED:
            continue
        header = bytes((kind, 3, 3)) + len(body).to_bytes(2, "big")
        cipher, iv, number = keys
        nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
        keys = cipher, iv, number + 1
        inner = cipher.decrypt(nonce, body, header).rstrip(b"\0")
        if inner[-1] == _HANDSHAKE:
            handshake += inner[:-1]
            if _kinds(handshake)[-1:] == [FINISHED]:
                keys = _keys(suite, traffic_secret)
        elif inner[-1] == _ENCRYPTED:
            application += inner[:-1]
    return handshake, application


def _records(stream: bytes):  # type: ignore[no-untyped-def]
    while stream:
        end = 5 + int.from_bytes(stream[3:5], "big")
        yield stream[0], stream[5:end]
        stream = stream[end:]


def _kinds(handshake: bytes) -> list[int]:
    """Of the handshake messages that are whole."""
    kinds = []
    while len(handshake) >= 4:
        kinds.append(handshake[0])
        handshake = handshake[4 + int.from_bytes(handshake[1:4], "big") :]
    return kinds


def _keys(suite: int, secret: bytes) -> tuple[AESGCM | ChaCha20Poly1305, bytes, int]:
    """Cipher, initialisation vector, and the number of the next record (section 7.3)."""
    algorithm, cipher, size = _SUITES[suite]
    return cipher(_expand(algorithm, secret, b"key", size)), _expand(algorithm, secret, b"iv", 12), 0


def _expand(algorithm: HashAlgorithm, secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label without a context (section 7.1)."""
    named = b"tls13 " + label
    info = size.to_bytes(2, "big") + bytes([len(named)]) + named + b"\0"
    return HKDFExpand(algorithm, size, info).derive(secret)
