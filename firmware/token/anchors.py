"""Trust anchors for the card's evidence: who may have issued a genuine card."""

import json
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

_MODULUS_BITS: Final = range(2048, 4097)


class AnchorsMalformed(ValueError):
    """A trust anchor file does not hold what it should; the text says which part."""


@dataclass(frozen=True)
class CvAnchor:
    """The key that certifies the signers of card faces (the root of EF 0004 in 券面事項確認AP)."""

    issuer: bytes
    """Issuer id, 16 bytes."""
    modulus: int
    exponent: int

    @classmethod
    def from_json(cls, text: str | bytes) -> "CvAnchor":
        """Read `{"issuer": hex of 16 bytes, "modulus": hex, "exponent": int}`. Raises AnchorsMalformed."""
        try:
            fields = json.loads(text)
            anchor = cls(bytes.fromhex(fields["issuer"]), int(fields["modulus"], 16), fields["exponent"])
            key = anchor.key()
        except (ValueError, TypeError, KeyError) as error:
            raise AnchorsMalformed("CV authority: issuer, modulus and exponent of an RSA key expected") from error
        if len(anchor.issuer) != 16 or key.key_size not in _MODULUS_BITS or anchor.exponent != 65537:
            raise AnchorsMalformed("CV authority: 16-byte issuer, RSA key of 2048 to 4096 bits, exponent 65537")
        return anchor

    def key(self) -> rsa.RSAPublicKey:
        """Modulus and exponent as a key."""
        return rsa.RSAPublicNumbers(self.exponent, self.modulus).public_key()


@dataclass(frozen=True)
class TrustAnchors:
    """Everything card evidence is checked against."""

    jpki: tuple[x509.Certificate, ...]
    """CA certificates for user authentication; their generations share a name, so the signature chooses."""
    cv: tuple[CvAnchor, ...]

    @classmethod
    def from_files(cls, jpki_ca_pem: bytes, cv_ca_json: bytes) -> "TrustAnchors":
        """Read the contents of `jpki_ca.pem` and `cv_ca.json`. Raises AnchorsMalformed."""
        try:
            jpki = tuple(x509.load_pem_x509_certificates(jpki_ca_pem))
        except ValueError as error:
            raise AnchorsMalformed("JPKI authority: PEM certificates expected") from error
        return cls(jpki, (CvAnchor.from_json(cv_ca_json),))
