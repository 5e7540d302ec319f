"""The bridge's own symmetric keys, and sealing with them."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
_NONCE_SIZE = 12


def load_or_create(file: Path) -> bytes:
    """The 32-byte key in `file`, made at random on first use and readable by its owner alone.

    Raises OSError, and ValueError for a file that is no key.
    """
    with suppress(FileExistsError):
        _create(file)
    key = file.read_bytes()
    if len(key) != KEY_SIZE:
        raise ValueError(f"{file}: {len(key)} bytes, {KEY_SIZE} expected")
    return key


def _create(file: Path) -> None:
    """Complete under another name first: a half-written key must never be taken for the key."""
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_SIZE))
            stream.flush()
            os.fsync(stream.fileno())
        os.link(fresh, file)
    finally:
        fresh.unlink()


class Seal:
    """AES-256-GCM under one key; what is sealed opens only in the context it was sealed for."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, plain: bytes, context: bytes) -> bytes:
        """Seal: random nonce, then ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Raises cryptography's InvalidTag for another key, another context or changed bytes."""
        return self._cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], context)
