"""Core deterministic CBOR (RFC 8949 section 4.2.1), restricted to what this project's messages use."""

from collections.abc import Mapping, Sequence

import cbor2

from firmware.token.refusal import Refusal, TokenRefused

Value = bool | int | bytes | str | Sequence["Value"] | Mapping[int, "Value"] | Mapping[str, "Value"]
"""Integers of at most 64 bits, byte and text strings, booleans, arrays, maps keyed by integer or text."""

_DEPTH = 6
_BOOLEANS = (20, 21)
_INDEFINITE = 31


def encode(value: Value) -> bytes:
    """The one deterministic encoding of `value`. Raises TypeError or OverflowError for anything outside `Value`."""
    return cbor2.dumps(_ordered(value))


def decode(data: bytes, cap: int) -> Value:
    """Decode at most `cap` bytes that must be the deterministic encoding of one value.

    Raises TokenRefused: TOO_LARGE, INDEFINITE_LENGTH, TRAILING_BYTES, DUPLICATE_KEY; MALFORMED for what else is no
    `Value`, NOT_DETERMINISTIC for another encoding of one.
    """
    if len(data) > cap:
        raise TokenRefused(Refusal.TOO_LARGE)
    _refuse_foreign(data)
    try:
        value = _load(data, duplicates=False)
        again = encode(value)
    except cbor2.CBORDecodeError as error:
        raise TokenRefused(_why_unreadable(data)) from error
    except (TypeError, OverflowError) as error:
        raise TokenRefused(Refusal.MALFORMED) from error
    if again != data:
        raise TokenRefused(Refusal.NOT_DETERMINISTIC)
    return value


def _refuse_foreign(data: bytes) -> None:
    """Refuse what a decoder must not act on (RFC 8949 section 3): tags, floats, null, indefinite lengths; and bytes
    after the value.

    A tag can ask for a cyclic value or for arithmetic without end. What is cut short is left to the decoder.
    """
    at, missing = 0, 1
    while missing and at < len(data):
        major, info = data[at] >> 5, data[at] & 0x1F
        if info == _INDEFINITE and major in (2, 3, 4, 5):
            raise TokenRefused(Refusal.INDEFINITE_LENGTH)
        if major == 6 or info > 27 or (major == 7 and info not in _BOOLEANS):
            raise TokenRefused(Refusal.MALFORMED)
        at += 1
        if info >= 24:
            size = 1 << (info - 24)
            info = int.from_bytes(data[at : at + size], "big")
            at += size
        missing -= 1
        if major in (2, 3):
            at += info
        elif major in (4, 5):
            missing += info * (major - 3)
    if at < len(data):
        raise TokenRefused(Refusal.TRAILING_BYTES)


def _load(data: bytes, duplicates: bool) -> Value:
    value: Value = cbor2.loads(data, max_depth=_DEPTH, allow_indefinite=False, allow_duplicate_keys=duplicates)
    return value


def _why_unreadable(data: bytes) -> Refusal:
    """The reason why `data` cannot be decoded."""
    try:
        _load(data, duplicates=True)
    except cbor2.CBORDecodeError:
        return Refusal.MALFORMED
    return Refusal.DUPLICATE_KEY


def _ordered(value: object) -> object:
    """A copy whose maps are in the bytewise order of their encoded keys, and which holds nothing but `Value`."""
    match value:
        case bool() | bytes():
            return value
        case str():
            return str(value)
        case int():
            if not -(1 << 64) <= value < 1 << 64:
                raise OverflowError("integer of more than 64 bits")
            return int(value)
        case dict():
            if any(isinstance(key, bool) or not isinstance(key, int | str) for key in value):
                raise TypeError("map key")
            return {key: _ordered(value[key]) for key in sorted(value, key=cbor2.dumps)}
        case list() | tuple():
            return [_ordered(item) for item in value]
        case _:
            raise TypeError(type(value).__name__)
