"""Consistent Overhead Byte Stuffing: any bytes, written without a zero, so that a zero can end a frame.

Source: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999.
"""

_LONGEST = 254


def encode(data: bytes) -> bytes:
    """`data` without zero bytes: at most one byte in 254, and one more, longer."""
    out = bytearray()
    ends_full = False
    for run in data.split(b"\0"):
        ends_full = len(run) > 0 and len(run) % _LONGEST == 0
        while len(run) >= _LONGEST:
            out.append(_LONGEST + 1)
            out += run[:_LONGEST]
            run = run[_LONGEST:]
        out.append(len(run) + 1)
        out += run
    return bytes(out[:-1] if ends_full else out)  # a full block stands for no zero, so none need be taken off it


def decode(data: bytes) -> bytes | None:
    """The bytes that `encode` was given, or None where `data` is no such encoding."""
    out = bytearray()
    at = 0
    ended = False  # whether the block before this one stands for a zero
    while at < len(data):
        code = data[at]
        run = data[at + 1 : at + code]
        if code == 0 or len(run) != code - 1 or 0 in run:
            return None
        if ended:
            out.append(0)
        out += run
        ended = code <= _LONGEST
        at += code
    return bytes(out)
