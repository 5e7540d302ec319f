"""The C package `cobs` and our COBS: either may stand at an end of the line."""

import subprocess
import sys

from cobs import cobs as package
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware.cobs import codec
from firmware.wire import cobs

RUNS = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"\x11" * length for length in (252, 253, 254, 255, 508)])),
    max_size=6,
)
"""Bytes between zeros, with the lengths at which blocks end."""


def by_package(encoded: bytes) -> bytes | None:
    try:
        decoded: bytes = package.decode(encoded)
    except package.DecodeError:
        return None
    return decoded


@settings(max_examples=1000)
@given(RUNS, st.sampled_from([b"", b"\0"]))
def test_both_write_the_same_and_read_what_the_other_wrote(runs: list[bytes], between: bytes) -> None:
    plain = between.join(runs)
    encoded = cobs.encode(plain)
    assert encoded == package.encode(plain)
    assert by_package(encoded) == cobs.decode(encoded) == plain


@settings(max_examples=2000)
@given(st.one_of(st.binary(max_size=12), st.lists(st.integers(0, 6), max_size=12).map(bytes)))
@example(b"\xff" + b"\x11" * 254 + b"\1")
@example(b"\xff" + b"\x11" * 253)
def test_both_refuse_the_same_and_read_the_rest_alike(anything: bytes) -> None:
    assert cobs.decode(anything) == by_package(anything)


@given(st.binary(max_size=300), st.integers(0, 310), st.integers(1, 255))
def test_both_read_a_damaged_encoding_alike(plain: bytes, at: int, change: int) -> None:
    damaged = bytearray(cobs.encode(plain))
    damaged[at % len(damaged)] ^= change
    assert cobs.decode(bytes(damaged)) == by_package(bytes(damaged))


def test_the_package_is_used_where_it_is_installed() -> None:
    assert codec() is not cobs
    assert codec().encode(b"\x11\0") == b"\2\x11\1"
    assert codec().decode(b"\2\x11\1") == b"\x11\0"
    assert codec().decode(b"\5") is None


def test_without_the_package_ours_is_used() -> None:
    """`-S`: a Python that sees no installed package."""
    code = "from firmware.cobs import codec; from firmware.wire import cobs; print(codec() is cobs)"
    run = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
