"""The bridge's own symmetric keys, and sealing with them."""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from host_bridge.durable import write_whole

KEY_SIZE = 32
_NONCE_SIZE = 12


def load_or_create(file: Path) -> bytes:
    """The 32-byte key in `file`, made at random on first use and readable by its owner alone. Its folder is held
    (`host_bridge.alone`).

    Raises OSError, and ValueError for a file that is no key.
    """
    if not file.exists():
        write_whole(file, secrets.token_bytes(KEY_SIZE))
    key = file.read_bytes()
    if len(key) != KEY_SIZE:
        raise ValueError(
            f"{file}: 鍵が壊れています。バックアップから戻してください"
            f" / {len(key)} bytes, {KEY_SIZE} expected: restore it from a backup"
        )
    return key


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
