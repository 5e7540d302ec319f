"""The card verifiable certificate in EF 0004 of 券面事項確認AP (ISO/IEC 7816-8)."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from firmware.token import tlv


@dataclass(frozen=True)
class CvCertificate:
    """7F21 { 5F4E { issuer id 16, subject id 16, public key }, 5F37 signature }."""

    issuer: bytes
    subject: bytes
    key: rsa.RSAPublicKey
    body: bytes
    """What the issuer signed: the value of 5F4E."""
    signature: bytes

    @classmethod
    def parse(cls, encoded: bytes) -> "CvCertificate":
        """Raises ValueError for anything but exactly one certificate, zero padding after it allowed."""
        size = tlv.object_size(encoded)
        (certificate,) = tlv.elements(encoded[:size])
        if certificate.tag != 0x7F21 or encoded[size:].strip(b"\x00"):
            raise ValueError("not a CV certificate")
        parts = tlv.by_tag(certificate.value)
        if parts.keys() != {0x5F4E, 0x5F37}:
            raise ValueError("body and signature expected")
        body = parts[0x5F4E].value
        return cls(body[:16], body[16:32], public_key(body[32:]), body, parts[0x5F37].value)

    def signed_by(self, key: rsa.RSAPublicKey) -> bool:
        """Whether `key` signed this certificate: PKCS #1 v1.5 with SHA-256."""
        try:
            key.verify(self.signature, self.body, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True


def public_key(encoded: bytes) -> rsa.RSAPublicKey:
    """An RSA key as 90 exponent, 91 modulus. Raises ValueError, also for a modulus outside 2048 to 4096 bits."""
    parts = tlv.by_tag(encoded)
    if parts.keys() != {0x90, 0x91}:
        raise ValueError("exponent and modulus expected")
    exponent, modulus = (int.from_bytes(parts[tag].value, "big") for tag in (0x90, 0x91))
    if not 2048 <= modulus.bit_length() <= 4096 or exponent != 65537:
        raise ValueError("RSA key of an unexpected kind")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()
