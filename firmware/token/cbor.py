"""Core deterministic CBOR (RFC 8949 section 4.2.1), restricted to what this project's messages use."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import cbor2

from firmware.token.refusal import Refusal, TokenRefused

Value = bool | int | bytes | str | Sequence["Value"] | Mapping[int, "Value"] | Mapping[str, "Value"]
"""Integers of at most 64 bits, byte and text strings, booleans, arrays, maps keyed by integer or text."""

_DEPTH = 6
_BYTES, _ARRAY, _MAP, _BOOLEAN = 0x40, 0x80, 0xA0, 0xF4
"""First of the initial bytes (RFC 8949 section 3.1) of byte and text strings, arrays, maps, and the two booleans."""
_INDEFINITE = frozenset((0x5F, 0x7F, 0x9F, 0xBF))
_FOREIGN = frozenset(head for head in range(256) if head & 0x1F > 27 or 0xC0 <= head < 0xF4 or head > 0xF5)
"""Initial bytes of nothing in `Value`."""
_AS_THEY_ARE = frozenset((bool, bytes, str))


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
        head = data[at]
        if head in _FOREIGN:
            raise TokenRefused(Refusal.INDEFINITE_LENGTH if head in _INDEFINITE else Refusal.MALFORMED)
        at += 1
        missing -= 1
        number = head & 0x1F
        if number >= 24:
            size = 1 << (number - 24)
            number = int.from_bytes(data[at : at + size], "big")
            at += size
        if head >= _BOOLEAN:
            continue
        if head >= _MAP:
            missing += 2 * number
        elif head >= _ARRAY:
            missing += number
        elif head >= _BYTES:
            at += number
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
    if type(value) in _AS_THEY_ARE:
        return value
    match value:
        case str():
            return str(value)
        case int():
            if not -(1 << 64) <= value < 1 << 64:
                raise OverflowError("integer of more than 64 bits")
            return int(value)
        case dict():
            return {key: _ordered(value[key]) for key in sorted(value, key=_encoded_key)}
        case list() | tuple():
            return [_ordered(item) for item in value]
        case _:
            raise TypeError(type(value).__name__)


@lru_cache(maxsize=64, typed=True)
def _encoded_key(key: object) -> bytes:
    """Remembered, because every token has the same few keys. Raises TypeError for what is no key of `Value`."""
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise TypeError("map key")
    return cbor2.dumps(_ordered(key))
