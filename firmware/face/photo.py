"""Opening the photo on the card: a small JPEG 2000 picture from outside, so nothing in it is believed."""

import io
import struct

from PIL import Image

_MAX_BYTES = 64 << 10
_MAX_PIXELS = 4 << 20
_MAX_SIDE = 1 << 16
_SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
_CODESTREAM_START = bytes.fromhex("ff4fff51")
_CODESTREAM_END = bytes.fromhex("ffd9")


class PhotoError(Exception):
    """The photo cannot serve as a reference; `reason` says why, and nothing about the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def open_photo(jp2: bytes) -> Image.Image:
    """The RGB picture in a JP2 file (ISO/IEC 15444-1). Raises PhotoError.

    The size is read from the codestream itself and capped before anything is decoded.
    """
    if len(jp2) > _MAX_BYTES:
        raise PhotoError("larger than 64 KiB")
    codestream = _codestream(jp2)
    width, height = _size(codestream)
    if max(width, height) > _MAX_SIDE or width * height > _MAX_PIXELS:
        raise PhotoError("more than 4 million pixels")
    if not codestream.endswith(_CODESTREAM_END):
        raise PhotoError("ends early")
    try:
        with Image.open(io.BytesIO(jp2), formats=["JPEG2000"]) as picture:
            if picture.size != (width, height):
                raise PhotoError("header and codestream differ in size")
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PhotoError("cannot be decoded") from error


def _codestream(jp2: bytes) -> bytes:
    """The contiguous codestream box (15444-1 annex I.5.4) of a JP2 file."""
    if not jp2.startswith(_SIGNATURE):
        raise PhotoError("not JPEG 2000")
    at = 0
    while at + 8 <= len(jp2):
        length, kind = struct.unpack_from(">I4s", jp2, at)
        if length == 0:
            length = len(jp2) - at
        if length < 8 or at + length > len(jp2):
            raise PhotoError("ends early")
        if kind == b"jp2c":
            return jp2[at + 8 : at + length]
        at += length
    raise PhotoError("no codestream")


def _size(codestream: bytes) -> tuple[int, int]:
    """Width and height from the image and tile size marker (15444-1 annex A.5.1)."""
    if not codestream.startswith(_CODESTREAM_START) or len(codestream) < 42:
        raise PhotoError("no codestream")
    right, bottom, left, top, tile_width, tile_height, _, _, components = struct.unpack_from(">8IH", codestream, 8)
    if right <= left or bottom <= top or not 1 <= components <= 3:
        raise PhotoError("not a grey or colour picture")
    tiles = -(-right // max(tile_width, 1)) * -(-bottom // max(tile_height, 1))
    if min(tile_width, tile_height) == 0 or tiles > 64:
        raise PhotoError("too many tiles")
    return right - left, bottom - top
