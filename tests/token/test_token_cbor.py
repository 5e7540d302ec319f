from http import HTTPStatus
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.token import cbor
from firmware.token.refusal import Refusal, TokenRefused

SCALARS = st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20)
DEEPEST = 6
"""Arrays and maps that may lie in each other."""


def values(depth: int) -> st.SearchStrategy[cbor.Value]:
    if depth == 0:
        return SCALARS
    inner = values(depth - 1)
    return (
        SCALARS
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-70000, 70000), inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    )


def refusal_of(data: bytes, cap: int = 1000) -> Refusal:
    with pytest.raises(TokenRefused) as refused:
        cbor.decode(data, cap)
    return refused.value.refusal


@given(values(DEEPEST))
def test_what_is_encoded_decodes_to_the_same(value: cbor.Value) -> None:
    encoded = cbor.encode(value)
    assert cbor.decode(encoded, len(encoded)) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_the_deterministic_encoding_of_a_value_or_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data, 64)
    except TokenRefused:
        return
    assert cbor.encode(value) == data


def test_nesting_is_taken_to_its_limit_and_no_deeper() -> None:
    deepest: cbor.Value = 0
    for _ in range(DEEPEST):
        deepest = [deepest]
    assert cbor.decode(cbor.encode(deepest), 100) == deepest
    assert refusal_of(cbor.encode([deepest])) is Refusal.MALFORMED


def test_map_keys_are_in_the_bytewise_order_of_their_encodings() -> None:
    assert cbor.encode({-1: 0, 100: 0, 10: 0, 256: 0}).hex() == "a40a00186400" + "19010000" + "2000"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("1801", Refusal.NOT_DETERMINISTIC),  # 1 in two bytes
        ("190018", Refusal.NOT_DETERMINISTIC),  # 24 in three
        ("5801ff", Refusal.NOT_DETERMINISTIC),  # so with lengths
        ("a220000a00", Refusal.NOT_DETERMINISTIC),  # keys out of order
        ("0101", Refusal.TRAILING_BYTES),  # a value after the value
        ("f5f5", Refusal.TRAILING_BYTES),
        ("80ff", Refusal.TRAILING_BYTES),
        ("8100d8", Refusal.TRAILING_BYTES),  # whatever it is
        ("43aabbcc00", Refusal.TRAILING_BYTES),
        ("a1010200", Refusal.TRAILING_BYTES),
        ("a201000100", Refusal.DUPLICATE_KEY),
        ("a301000200" + "0100", Refusal.DUPLICATE_KEY),  # apart
        ("a2616100616101", Refusal.DUPLICATE_KEY),
        ("a20100180100", Refusal.DUPLICATE_KEY),  # the second in two bytes
        ("9f01ff", Refusal.INDEFINITE_LENGTH),
        ("bf0101ff", Refusal.INDEFINITE_LENGTH),
        ("5f4101ff", Refusal.INDEFINITE_LENGTH),
        ("7f6161ff", Refusal.INDEFINITE_LENGTH),
        ("1f", Refusal.MALFORMED),  # no number is indefinite
        ("ff", Refusal.MALFORMED),  # the end of nothing
        ("1c", Refusal.MALFORMED),  # reserved
        ("fb3ff0000000000000", Refusal.MALFORMED),  # a float
        ("f93c00", Refusal.MALFORMED),
        ("f6", Refusal.MALFORMED),  # null
        ("f7", Refusal.MALFORMED),  # undefined
        ("f0", Refusal.MALFORMED),  # a simple value that nobody knows
        ("f815", Refusal.MALFORMED),  # true in two bytes
        ("c11a00000000", Refusal.MALFORMED),  # a tag
        ("d81c81d81d00", Refusal.MALFORMED),  # an array that holds itself
        ("c5821b7fffffffffffffff01", Refusal.MALFORMED),  # two to the power of almost for ever
        ("9b00ffffffffffffff", Refusal.MALFORMED),  # an array longer than memory
        ("81818181818181818100", Refusal.MALFORMED),  # too deep
        ("a1f500", Refusal.MALFORMED),  # a truth value for a key
        ("a1410100", Refusal.MALFORMED),  # bytes for a key
        ("a1810000", Refusal.MALFORMED),  # an array for a key
        ("61ff", Refusal.MALFORMED),  # text that is none
        ("8201", Refusal.MALFORMED),  # cut short
        ("a101", Refusal.MALFORMED),
        ("43aabb", Refusal.MALFORMED),
        ("19ff", Refusal.MALFORMED),
        ("", Refusal.MALFORMED),
    ],
)
def test_another_encoding_or_another_type_is_refused(data: str, refusal: Refusal) -> None:
    assert refusal_of(bytes.fromhex(data)) is refusal


def test_more_bytes_than_the_cap_are_refused_unread() -> None:
    assert refusal_of(cbor2.dumps(b"x" * 100), cap=100) is Refusal.TOO_LARGE


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("1801", Refusal.NOT_DETERMINISTIC),
        ("a201000100", Refusal.DUPLICATE_KEY),
        ("9f01ff", Refusal.INDEFINITE_LENGTH),
        ("f6", Refusal.MALFORMED),
        ("c100", Refusal.MALFORMED),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [("81", ""), ("8200", ""), ("a101", ""), ("a16161", ""), ("a1018181", ""), ("81a10182", "00")],
)
def test_a_fault_is_named_wherever_it_lies(before: str, data: str, after: str, refusal: Refusal) -> None:
    assert refusal_of(bytes.fromhex(before + data + after)) is refusal


@given(values(2), st.binary(min_size=1, max_size=8))
def test_whatever_follows_a_value_is_trailing(value: cbor.Value, more: bytes) -> None:
    assert refusal_of(cbor.encode(value) + more, cap=10000) is Refusal.TRAILING_BYTES


@pytest.mark.parametrize("number", [2**64, -(2**64) - 1, 2**70])
def test_an_integer_of_more_than_64_bits_is_not_encoded(number: int) -> None:
    for value in (number, [number], {number: 0}, {1: number}):
        with pytest.raises(OverflowError, match=r"^integer of more than 64 bits$"):
            cbor.encode(value)
    assert cbor.decode(cbor.encode([2**64 - 1, -(2**64)]), 100) == [2**64 - 1, -(2**64)]


@pytest.mark.parametrize(
    ("value", "name"), [(None, "NoneType"), (1.5, "float"), ({1}, "set"), (bytearray(1), "bytearray")]
)
def test_a_value_of_another_type_is_not_encoded(value: Any, name: str) -> None:
    for nested in (value, [value], {1: value}):
        with pytest.raises(TypeError, match=f"^{name}$"):
            cbor.encode(nested)


@pytest.mark.parametrize("key", [True, b"key", None, (1,)])
def test_a_map_with_another_key_is_not_encoded(key: Any) -> None:
    with pytest.raises(TypeError, match=r"^map key$"):
        cbor.encode({key: 1})


def test_names_of_enums_are_encoded_as_what_they_stand_for() -> None:
    assert cbor.encode([Refusal.SIGNATURE, HTTPStatus.OK, {HTTPStatus.OK: 1}]) == cbor.encode(
        ["signature", 200, {200: 1}]
    )
