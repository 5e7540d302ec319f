"""What a healthy card holds, drawn and put together here: where the fuzzers begin."""

import io
from itertools import product

from PIL import Image, ImageDraw

LABEL = b"JPKIAPICCTOKEN2".ljust(32)


def tlv(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes((size,)) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + length + value


def public_key() -> bytes:
    """90 exponent, 91 modulus: of the right form, of no use."""
    return tlv(0x90, bytes.fromhex("010001")) + tlv(0x91, b"\xc5" * 256)


def cv_certificate() -> bytes:
    body = b"I" * 16 + b"S" * 16 + public_key()
    return tlv(0x7F21, tlv(0x5F4E, body) + tlv(0x5F37, b"\x5a" * 256))


def surface(photo: bytes) -> bytes:
    """EF 0002 of 券面事項確認AP."""
    parts = {
        0xDF22: b"19800217",
        0xDF23: b"2",
        0xDF24: public_key(),
        0xDF25: b"name",
        0xDF26: b"address",
        0xDF27: photo,
        0xDF28: b"\x5a" * 256,
    }
    return tlv(0xFF20, b"".join(tlv(tag, value) for tag, value in parts.items()))


def photos() -> list[bytes]:
    """JP2 files, grey and in colour: small and as on a card, in one piece and tiled, in several layers, reversible."""
    sizes = ((16, 20), (64, 80), (320, 400))
    options: tuple[dict[str, object], ...] = (
        {"quality_mode": "rates", "quality_layers": [20]},
        {"tile_size": (48, 64), "quality_mode": "rates", "quality_layers": [20]},
        {"irreversible": True, "quality_mode": "dB", "quality_layers": [30, 34, 38], "progression": "RPCL"},
        {"num_resolutions": 1, "codeblock_size": (16, 16), "precinct_size": (64, 64)},
    )
    return [
        photo
        for mode, size, option in product(("L", "RGB"), sizes, options)
        if size[0] > 16 or option is not options[1]
        if len(photo := _jp2(_drawn(mode, size), option)) < 32 << 10
    ]


def _drawn(mode: str, size: tuple[int, int]) -> Image.Image:
    """A head and shoulders."""
    width, height = size
    image = Image.linear_gradient("L").resize(size).convert(mode)
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 4, height // 6, width * 3 // 4, height * 2 // 3), fill="white")
    draw.ellipse((0, height * 3 // 4, width, height * 5 // 4), fill="black")
    return image


def _jp2(image: Image.Image, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG2000", no_jp2=False, **options)
    return file.getvalue()
