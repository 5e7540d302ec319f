"""The scripted patient's card: its keys sign what a reader would have them sign."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from firmware.token.claims import Method
from firmware.token.evidence import FaceEvidence, PinEvidence, encode

_PARTS = ("certificate", "issuer_certificate", "group1", "group2_hash", "photo_hash", "photo_signature")


class SoakCard:
    """From the file that `soak_world` wrote."""

    def __init__(self, file: Path) -> None:
        packed = json.loads(file.read_text())
        self._key, self._card_key = (_rsa(packed[name]) for name in ("key", "card_key"))
        self._parts = [base64.b64decode(packed[name]) for name in _PARTS]
        self.certificate = self._parts[0]

    def evidence(self, method: Method, bound: bytes) -> bytes:
        """The evidence message over a binding."""
        if method is Method.PIN:
            signature = self._key.sign(bound, PKCS1v15(), Prehashed(SHA256()))
            return encode(PinEvidence(self.certificate, signature))
        return encode(FaceEvidence(*self._parts, self._card_key.sign(bound, PKCS1v15(), SHA256())))


def _rsa(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return key
