"""Opening the photo on the card: a small JPEG 2000 picture from outside, so nothing in it is believed."""

import io
import struct

from PIL import Image

from firmware.face import codestream

_MAX_BYTES = 64 << 10
_SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")


class PhotoError(Exception):
    """The photo cannot serve as a reference; `reason` says why, and nothing about the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def open_photo(jp2: bytes) -> Image.Image:
    """The RGB picture in a JP2 file (ISO/IEC 15444-1), which is grey or in colour, of 8 bits. Raises PhotoError.

    Its size and the number of its pieces are read from the codestream itself and capped before anything is decoded.
    """
    if len(jp2) > _MAX_BYTES:
        raise PhotoError("larger than 64 KiB")
    try:
        size = codestream.check(_codestream(jp2))
    except ValueError as error:
        raise PhotoError(str(error)) from None
    try:
        with Image.open(io.BytesIO(jp2), formats=["JPEG2000"]) as picture:
            if (picture.size, picture.mode) != (size[:2], "L" if size.components == 1 else "RGB"):
                raise PhotoError("header and codestream differ")
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
