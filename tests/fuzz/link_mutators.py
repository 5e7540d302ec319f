"""Changes that leave whole what stands before the code to be reached: checksums, lengths in DER and of messages."""

import binascii
import random
import struct
from collections.abc import Callable
from typing import Final

from link_seeds import der

from firmware.cobs import codec

Mutate = Callable[[bytes, int], bytes]
"""Bytes and how many they may become -> others."""

_COBS = codec()
_CRC_SIZE = 4
_HEADER = struct.Struct(">BIH")
"""Of a message: kind, request id, length of its body."""
_CONSTRUCTED = 0x20


def frame(line: bytes, mutate: Mutate, longest: int, seed: int) -> bytes:
    """Bytes on the line with one frame changed between its COBS and its CRC; or any change, and every CRC right."""
    pieces = line.split(b"\0")
    at = seed % len(pieces)
    raw = _COBS.decode(pieces[at])
    if raw is None or len(raw) <= _CRC_SIZE:
        return b"\0".join(_mended(piece) for piece in mutate(line, longest).split(b"\0"))
    pieces[at] = _with_crc(mutate(raw[:-_CRC_SIZE], longest))
    return b"\0".join(pieces)


def der_object(encoded: bytes, mutate: Mutate, longest: int, seed: int) -> bytes:
    """DER with one object's value changed, or the object left out, put in twice or put elsewhere; lengths right."""
    dice = random.Random(seed)
    tree = _tree(encoded)
    if not tree:
        return mutate(encoded, longest)
    rows = [tree]
    for row in rows:
        rows += [value for _, value in row if isinstance(value, list)]
    row = dice.choice(rows)
    if not row:
        return mutate(encoded, longest)
    at = dice.randrange(len(row))
    tag, value = row[at]
    match dice.randrange(6):
        case 0:
            del row[at]
        case 1:
            row.insert(dice.randrange(len(row) + 1), row[at])
        case 2:
            dice.choice(rows).append((tag, _written(value)))  # a copy: never into itself
        case 3:
            row[at] = (dice.randrange(256) & ~0x1F | dice.randrange(0x1F), value)
        case _:
            row[at] = (tag, mutate(_written(value), longest))
    return _written(tree)


def message(stream: bytes, mutate: Mutate, longest: int, seed: int) -> bytes:
    """Messages in a row with one's body changed, its length right."""
    starts, at = [], 0
    while at + _HEADER.size <= len(stream):
        starts.append(at)
        at += _HEADER.size + _HEADER.unpack_from(stream, at)[2]
    if not starts:
        return mutate(stream, longest)
    at = starts[seed % len(starts)]
    kind, request, size = _HEADER.unpack_from(stream, at)
    body = mutate(stream[at + _HEADER.size :][:size], longest)[:0xFFFF]
    return stream[:at] + _HEADER.pack(kind, request, len(body)) + body + stream[at + _HEADER.size + size :]


_Tree = list[tuple[int, "bytes | _Tree"]]


def _tree(encoded: bytes) -> _Tree | None:
    """Objects in a row, each a tag of one byte with its value or with the objects in it; None for what are none."""
    row: _Tree = []
    while encoded:
        head, size = 2, encoded[1] if len(encoded) > 1 else 0
        if size >= 0x80:
            head += size & 0x7F
            size = int.from_bytes(encoded[2:head], "big")
        if len(encoded) < head + size or encoded[0] & 0x1F == 0x1F:
            return None
        value = encoded[head : head + size]
        inner = _tree(value) if encoded[0] & _CONSTRUCTED or encoded[0] == 0x04 else None
        row.append((encoded[0], inner or value))
        encoded = encoded[head + size :]
    return row


def _written(value: "bytes | _Tree") -> bytes:
    return value if isinstance(value, bytes) else b"".join(der(tag, _written(inner)) for tag, inner in value)


def _mended(piece: bytes) -> bytes:
    raw = _COBS.decode(piece)
    return piece if raw is None or len(raw) <= _CRC_SIZE else _with_crc(raw[:-_CRC_SIZE])


def _with_crc(body: bytes) -> bytes:
    return _COBS.encode(body + binascii.crc32(body).to_bytes(_CRC_SIZE, "big"))


MUTATORS: Final[dict[str, Callable[[bytes, Mutate, int, int], bytes]]] = {
    "frame": frame,
    "certificate": der_object,
    "request": der_object,
    "message": message,
    "enrolment": message,
}
"""Input, how to change bytes, longest result, random number -> the next input."""
