"""The files of 券面事項確認AP and their signatures, as published observations have them."""

import io
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.hashes import SHA256
from PIL import Image, ImageDraw, ImageFont

FILE_CAP = 0x8000
"""READ BINARY reaches no further."""

_FONT = Path("/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf")
_DIGEST_INFO_THREE_HASHES = bytes.fromhex("3071300D060960864801650304020105000460")
_OFFSETS = 9
_ERAS = ((date(2019, 5, 1), 2018), (date(1989, 1, 8), 1988), (date(1926, 12, 25), 1925), (date(1912, 7, 30), 1911))
"""First day of each era, newest first, and the year before its first."""


@dataclass(frozen=True)
class Person:
    """Whose card it is. Invented, obviously so."""

    name: str
    address: str
    birth: date
    sex: int
    """1 male, 2 female."""
    card_expiry: date
    security_code: str
    """Four digits, printed on the card."""
    pin: str


def number_b(person: Person) -> str:
    """照合番号B: birth date YYMMDD in the era's years, year of the card's expiry, security code."""
    before = next(before for first, before in _ERAS if person.birth >= first)
    return f"{person.birth.year - before:02}{person.birth:%m%d}{person.card_expiry:%Y}{person.security_code}"


def tlv(tag: int, value: bytes) -> bytes:
    """One BER-TLV object with a length of at most two bytes (ISO/IEC 7816-4 section 5.2.2)."""
    size = len(value)
    length = bytes((size,)) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes(1 if tag < 0x100 else 2, "big") + length + value


def public_key(key: RSAPublicKey) -> bytes:
    """An RSA-2048 key as 90 exponent, 91 modulus: 265 bytes."""
    numbers = key.public_numbers()
    return tlv(0x90, numbers.e.to_bytes(3, "big")) + tlv(0x91, numbers.n.to_bytes(256, "big"))


def cv_certificate(issuer: bytes, issuer_key: RSAPrivateKey, subject: bytes, key: RSAPublicKey) -> bytes:
    """7F21 { 5F4E { issuer id 16, subject id 16, key 265 }, 5F37 signature with SHA-256 }."""
    body = issuer + subject + public_key(key)
    return tlv(0x7F21, tlv(0x5F4E, body) + tlv(0x5F37, issuer_key.sign(body, PKCS1v15(), SHA256())))


def surface_file(person: Person, photo_jp2: bytes, card_key: RSAPublicKey, signer: RSAPrivateKey) -> bytes:
    """EF 0002. Raises ValueError where the photo makes it larger than a file can be."""
    who = (
        tlv(0xDF22, f"{person.birth:%Y%m%d}".encode()),
        tlv(0xDF23, str(person.sex).encode()),
        tlv(0xDF24, public_key(card_key)),
    )
    pictures = (tlv(0xDF25, _written(person.name, 24)), tlv(0xDF26, _written(person.address, 20)))
    photo = tlv(0xDF27, photo_jp2)
    digest = b"".join(sha256(group).digest() for group in (b"".join(who), b"".join(pictures), photo))
    signature = tlv(0xDF28, signer.sign(_DIGEST_INFO_THREE_HASHES + digest, PKCS1v15(), NoDigestInfo()))
    unsigned = (tlv(0xDF29, f"{person.card_expiry:%Y%m%d}".encode()), tlv(0xDF2A, _written(person.security_code, 12)))
    parts = (*who, *pictures, photo, signature, *unsigned)
    size = sum(map(len, parts))
    if size + 2 * _OFFSETS + 16 > FILE_CAP:
        raise ValueError(f"a photo of {len(photo_jp2)} bytes does not fit the card")
    return tlv(0xFF20, _offsets(parts) + b"".join(parts))


def basic_file() -> bytes:
    """EF 0003. What DF32 and DF35 mean is not known; here they mean nothing."""
    parts = (
        (0xDF31, bytes.fromhex("06030E01")),
        (0xDF32, b"SIMULATED KEY ID"),
        (0xDF33, b"\x01"),
        (0xDF34, b"00000"),
        (0xDF35, bytes(272)),
    )
    return tlv(0xFF30, b"".join(tlv(tag, value) for tag, value in parts))


def _offsets(parts: tuple[bytes, ...]) -> bytes:
    """DF21: where each object after it begins, counted from the start of the file."""
    head = len(tlv(0xFF20, bytes(256))) - 256 + len(tlv(0xDF21, bytes(2 * _OFFSETS)))
    positions = [head + sum(map(len, parts[:index])) for index in range(_OFFSETS)]
    return tlv(0xDF21, b"".join(position.to_bytes(2, "big") for position in positions))


def _written(text: str, height: int) -> bytes:
    """A line of text as the card has it: a picture of one bit a pixel, PNG."""
    font = ImageFont.truetype(str(_FONT), height)
    picture = Image.new("1", (int(font.getlength(text)) + 4, height + 4), 1)
    ImageDraw.Draw(picture).text((2, 2), text, 0, font)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
