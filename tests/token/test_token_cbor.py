import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.token import cbor
from firmware.token.refusal import Refusal, TokenRefused

SCALARS = st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers(-70000, 70000), inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def refusal_of(data: bytes, cap: int = 1000) -> Refusal:
    with pytest.raises(TokenRefused) as refused:
        cbor.decode(data, cap)
    return refused.value.refusal


@given(VALUES)
def test_what_is_encoded_decodes_to_the_same(value: cbor.Value) -> None:
    encoded = cbor.encode(value)
    try:
        assert cbor.decode(encoded, 10_000) == value
    except TokenRefused as refused:
        assert refused.refusal is Refusal.MALFORMED  # nested deeper than any message of ours


@given(st.binary(max_size=64))
def test_any_bytes_are_the_deterministic_encoding_of_a_value_or_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data, 64)
    except TokenRefused:
        return
    assert cbor.encode(value) == data


def test_map_keys_are_in_the_bytewise_order_of_their_encodings() -> None:
    assert cbor.encode({-1: 0, 100: 0, 10: 0, 256: 0}).hex() == "a40a00186400" + "19010000" + "2000"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("1801", Refusal.NOT_DETERMINISTIC),  # 1 in two bytes
        ("0101", Refusal.NOT_DETERMINISTIC),  # a byte after the value
        ("a220000a00", Refusal.NOT_DETERMINISTIC),  # keys out of order
        ("a201000100", Refusal.MALFORMED),  # a key twice
        ("9f01ff", Refusal.MALFORMED),  # indefinite length
        ("f5f5", Refusal.NOT_DETERMINISTIC),
        ("fb3ff0000000000000", Refusal.MALFORMED),  # a float
        ("f6", Refusal.MALFORMED),  # null
        ("c11a00000000", Refusal.MALFORMED),  # a tag
        ("d81c81d81d00", Refusal.MALFORMED),  # an array that holds itself
        ("c5821b7fffffffffffffff01", Refusal.MALFORMED),  # two to the power of almost for ever
        ("9b00ffffffffffffff", Refusal.MALFORMED),  # an array longer than memory
        ("81818181818181818100", Refusal.MALFORMED),  # too deep
        ("", Refusal.MALFORMED),
    ],
)
def test_another_encoding_or_another_type_is_refused(data: str, refusal: Refusal) -> None:
    assert refusal_of(bytes.fromhex(data)) is refusal


def test_more_bytes_than_the_cap_are_refused_unread() -> None:
    assert refusal_of(cbor2.dumps(b"x" * 100), cap=100) is Refusal.TOO_LARGE
