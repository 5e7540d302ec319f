"""Frames and their stuffing: what goes in comes out, and nothing else does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import cobs, frame
from firmware.wire.frame import MAX_PAYLOAD, Deframer, Frame


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [
        (b"", "01"),
        (b"\0", "0101"),
        (b"\0\0", "010101"),
        (b"\0\x11\0", "01021101"),
        (b"\x11\x22\0\x33", "031122" + "0233"),
        (b"\x11\0\0\0", "0211010101"),
        (bytes(range(1, 255)) + b"\xff", "ff" + bytes(range(1, 255)).hex() + "02ff"),
    ],
)
def test_cobs_writes_the_published_examples(plain: bytes, stuffed: str) -> None:
    assert cobs.encode(plain).hex() == stuffed
    assert cobs.decode(bytes.fromhex(stuffed)) == plain


@given(st.binary(max_size=1200))
def test_cobs_gives_back_what_it_was_given_and_holds_no_zero(plain: bytes) -> None:
    stuffed = cobs.encode(plain)
    assert 0 not in stuffed
    assert len(stuffed) <= len(plain) + 1 + len(plain) // 254
    assert cobs.decode(stuffed) == plain


@pytest.mark.parametrize("broken", ["00", "05", "0311", "031100", "02", "0211ff"])
def test_cobs_refuses_what_is_no_encoding(broken: str) -> None:
    assert cobs.decode(bytes.fromhex(broken)) is None


@given(st.integers(0, 0x7F), st.booleans(), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF), st.binary(max_size=1000))
def test_a_frame_survives_its_encoding(kind: int, from_host: bool, connection: int, number: int, load: bytes) -> None:
    (found,) = Deframer().feed(Frame(kind, from_host, connection, number, load).encode())
    assert (found.kind, found.from_host, found.connection) == (kind, from_host, connection)
    assert (found.sequence, found.payload) == (number, load)


@settings(max_examples=200)
@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_garbage_before_a_frame_costs_no_more_than_itself(garbage: bytes, cut: int) -> None:
    whole = garbage + Frame(frame.DATA, True, 5, 6, b"load").encode()
    deframer = Deframer()
    found = deframer.feed(whole[:cut]) + deframer.feed(whole[cut:])
    assert [one.payload for one in found] == [b"load"]


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_changed_byte_makes_no_other_frame(at: int, change: int) -> None:
    line = bytearray(Frame(frame.DATA, True, 5, 6, b"\0load\0" * 5).encode())
    line[at] ^= change
    for found in Deframer().feed(bytes(line)):
        assert (found.connection, found.sequence, found.payload) == (5, 6, b"\0load\0" * 5)


def test_an_endless_frame_is_not_kept() -> None:
    deframer = Deframer()
    for _ in range(1000):
        assert deframer.feed(b"\1" * 4096) == []
    assert len(deframer._part) <= 1024
    assert deframer.feed(b"\0") == []


def test_a_payload_beyond_the_cap_is_no_frame() -> None:
    assert Deframer().feed(Frame(frame.DATA, True, 1, 1, bytes(MAX_PAYLOAD + 300)).encode()) == []


def test_another_version_is_no_frame() -> None:
    import binascii
    import struct

    body = struct.pack(">BBIH", 2, frame.OPEN | 0x80, 1, 0)
    line = cobs.encode(body + struct.pack(">I", binascii.crc32(body))) + b"\0"
    assert Deframer().feed(line) == []
