"""The headers of a JPEG 2000 codestream (ISO/IEC 15444-1 annex A): how large, and in how many pieces, before decoding.

A decoder keeps something for each piece before it reads any of them, so a few bytes can ask for gigabytes: the caps
here bound what it takes. All functions raise ValueError, which says why, for what is beyond them or no codestream.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_PIXELS: Final = 4 << 20
MAX_SIDE: Final = 1 << 16
MAX_TILES: Final = 64
MAX_BLOCKS: Final = 1 << 16
"""Code-blocks or precincts, whichever are more: the decoder keeps about 1 KB for each."""
MAX_PACKETS: Final = 1 << 20
"""Layers x resolutions x components x precincts: the decoder keeps 2 bytes for each."""

_START: Final = bytes.fromhex("ff4fff51")
_END: Final = bytes.fromhex("ffd9")
_COD, _COC, _SOT, _SOD = 0xFF52, 0xFF53, 0xFF90, 0xFF93
_SEGMENTS: Final = {0xFF51, _COD, _COC, 0xFF55, 0xFF57, 0xFF58, *range(0xFF5C, 0xFF62), 0xFF63, 0xFF64, _SOT}
"""Markers of the segments that headers consist of (table A.2)."""
_DEPTH: Final = 0x7F
"""One less than the bits of a component; the bit above says whether they are signed (table A.11)."""
_WHOLE: Final = 0xFF
"""Precinct size where none is given: 2 to the power of 15 both ways."""


class Size(NamedTuple):
    width: int
    height: int
    components: int


class Coding(NamedTuple):
    """Part of a COD or COC segment: sizes as powers of two (tables A.15, A.18, A.21)."""

    layers: int
    block_width: int
    block_height: int
    precincts: bytes
    """For each resolution from the lowest on: exponent of the width in the low digit, of the height in the high one."""


def check(codestream: bytes) -> Size:
    """The size of the picture, once everything is within the caps."""
    size = _size(codestream)
    if not codestream.endswith(_END):
        raise ValueError("ends early")
    layers, in_tile = 1, False
    for marker, segment in _segments(codestream):
        in_tile = in_tile or marker == _SOT
        if marker not in (_COD, _COC):
            continue
        if in_tile:
            raise ValueError("tile with a coding style of its own")
        coding = _coding(segment) if marker == _COD else _coding(segment[1:2] + bytes(4) + segment[2:])
        layers = max(layers, coding.layers)
        _check_pieces(size, coding, layers)
    return size


def _size(codestream: bytes) -> Size:
    """From the image and tile size segment (annex A.5.1)."""
    if not codestream.startswith(_START) or len(codestream) < 42:
        raise ValueError("no codestream")
    right, bottom, left, top, tile_width, tile_height, _, _, components = struct.unpack_from(">8IH", codestream, 8)
    if right <= left or bottom <= top or components not in (1, 3):
        raise ValueError("not a grey or colour picture")
    if any(depth & _DEPTH > 7 for depth in codestream[42 : 42 + 3 * components : 3]):
        raise ValueError("more than 8 bits a colour")
    tiles = -(-right // max(tile_width, 1)) * -(-bottom // max(tile_height, 1))
    if min(tile_width, tile_height) == 0 or tiles > MAX_TILES:
        raise ValueError("too many tiles")
    size = Size(right - left, bottom - top, components)
    if max(size.width, size.height) > MAX_SIDE or size.width * size.height > MAX_PIXELS:
        raise ValueError("more than 4 million pixels")
    return size


def _segments(codestream: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment in the main header and in those of all tile-parts (annex A.3)."""
    at, part_end = 2, 0
    while at + 4 <= len(codestream):
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker == _SOD and part_end > at:
            at = part_end
            continue
        segment = codestream[at + 4 : at + 2 + length]
        if marker not in _SEGMENTS or len(segment) != length - 2:
            raise ValueError("header of another form")
        if marker == _SOT:
            part_size = int.from_bytes(segment[2:6], "big")
            part_end = at + part_size if part_size else len(codestream) - len(_END)
        yield marker, segment
        at += 2 + length


def _coding(segment: bytes) -> Coding:
    """A coding style (annex A.6.1)."""
    has_precincts, layers, levels, width, height = struct.unpack_from(">BxHxBBB", segment.ljust(8, b"\x00"))
    precincts = segment[10 : 11 + levels] if has_precincts & 1 else bytes((_WHOLE,)) * (levels + 1)
    if len(segment) < 10 or len(precincts) <= levels or levels > 32:
        raise ValueError("coding style of another form")
    return Coding(layers, width + 2, height + 2, precincts)


def _check_pieces(size: Size, coding: Coding, layers: int) -> None:
    """Raise ValueError for more code-blocks, precincts or packets than the caps (annexes B.6, B.7, B.9)."""
    pieces = most = 0
    highest = len(coding.precincts) - 1
    for resolution, precinct in enumerate(coding.precincts):
        width, height = (1 + (side >> (highest - resolution)) for side in size[:2])
        x, y = precinct & 0xF, precinct >> 4
        precincts = _cells(width, height, x, y)
        in_band = 1 if resolution else 0  # there each of three subbands has half the precinct's width and height
        block_x, block_y = min(coding.block_width, x - in_band), min(coding.block_height, y - in_band)
        pieces += max(precincts, _cells(width, height, max(block_x, 0), max(block_y, 0)))
        most = max(most, precincts)
    packets = most * len(coding.precincts) * layers * size.components
    if pieces * size.components > MAX_BLOCKS or packets > MAX_PACKETS:
        raise ValueError("too many pieces")


def _cells(width: int, height: int, x: int, y: int) -> int:
    """At most so many cells, 2 to the power of x by y, lie in an area wherever it begins."""
    return ((width >> x) + 2) * ((height >> y) + 2)
