"""Frames: what goes in comes out, and nothing else does."""

import binascii
import struct

from firmware.wire import cobs, frame
from firmware.wire.frame import MAX_PAYLOAD, Deframer, Frame, decode


def feed(data: bytes) -> list[Frame]:
    return Deframer(cobs).feed(data)


def fields(one: Frame) -> tuple[int, bool, int, int, bytes]:
    return one.kind, one.from_host, one.connection, one.sequence, one.payload


def line(body: bytes) -> bytes:
    """Any body with the CRC-32 that it ought to have."""
    return b"\0" + cobs.encode(body + struct.pack(">I", binascii.crc32(body))) + b"\0"


def test_a_frame_has_the_layout_that_the_protocol_says() -> None:
    encoded = Frame(frame.DATA, True, 0x01020304, 0x0506, b"\x07\x08").encode(cobs)
    body = bytes.fromhex("01830102030405060708")
    assert encoded[:1] == encoded[-1:] == b"\0"
    assert cobs.decode(encoded[1:-1]) == body + struct.pack(">I", binascii.crc32(body))


def test_every_kind_of_either_direction_survives_its_encoding() -> None:
    for kind in (frame.OPEN, frame.OPENED, frame.DATA, frame.ACK, frame.RESET, 0, 0x7F):
        for from_host in (True, False):
            for load in (b"", b"\0", b"load", bytes(MAX_PAYLOAD), b"\xff" * MAX_PAYLOAD):
                one = (kind, from_host, 0xFFFFFFFF, 0xFFFF, load)
                (found,) = feed(Frame(*one).encode(cobs))
                assert fields(found) == one


def test_number_and_payload_default_to_none() -> None:
    assert fields(Frame(frame.ACK, True, 9)) == (frame.ACK, True, 9, 0, b"")


def test_a_full_frame_stays_under_one_kilobyte_on_the_line() -> None:
    for filler in (b"\0", b"\1", b"\xff"):
        assert len(Frame(frame.DATA, True, 0xFFFFFFFF, 0xFFFF, filler * MAX_PAYLOAD).encode(cobs)) <= 1024


def test_frames_come_out_of_a_stream_cut_anywhere() -> None:
    stream = b"".join([Frame(frame.DATA, True, 5, number, b"\0load" * number).encode(cobs) for number in range(4)])
    for cut in range(1, len(stream)):
        deframer = Deframer(cobs)
        found = deframer.feed(stream[:cut]) + deframer.feed(stream[cut:])
        assert [(one.sequence, one.payload) for one in found] == [(n, b"\0load" * n) for n in range(4)]


def test_a_flipped_bit_makes_no_other_frame() -> None:
    one = (frame.DATA, True, 5, 6, b"\0load\0" * 5)
    whole = Frame(*one).encode(cobs)
    for at in range(len(whole)):
        for bit in range(8):
            damaged = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
            assert [fields(found) for found in feed(damaged)] in ([], [one])


def test_noise_before_a_frame_costs_nothing_but_itself() -> None:
    whole = Frame(frame.DATA, True, 5, 6, b"load").encode(cobs)
    for noise in (b"\x11", b"\0", b"\xff" * 3000, b"\x05\0\x11", whole[:-1], whole[1:]):
        assert [found.payload for found in feed(noise + whole)][-1:] == [b"load"]


def test_an_endless_frame_is_not_kept() -> None:
    deframer = Deframer(cobs)
    for _ in range(100):
        assert deframer.feed(b"\1" * 4096) == []
    assert len(deframer._part) <= 1024
    assert deframer.feed(b"\0") == []
    assert len(deframer.feed(Frame(frame.ACK, True, 1).encode(cobs))) == 1


def test_a_frame_that_is_too_long_stays_none_however_it_arrives() -> None:
    """Cut to the longest that may be kept, its beginning could pass for a frame."""
    whole = Frame(frame.DATA, True, 1, 1, bytes([0x11]) * MAX_PAYLOAD).encode(cobs)
    deframer = Deframer(cobs)
    assert deframer.feed(whole[:-1]) == []
    assert deframer.feed(b"\x11") == []
    assert deframer.feed(b"\0") == []


def test_the_payload_cap_is_the_last_that_passes() -> None:
    for filler in (b"\0", b"\1"):
        assert len(feed(Frame(frame.DATA, True, 1, 1, filler * MAX_PAYLOAD).encode(cobs))) == 1
        assert feed(Frame(frame.DATA, True, 1, 1, filler * (MAX_PAYLOAD + 1)).encode(cobs)) == []


def test_another_version_is_no_frame() -> None:
    for version in (0, 2, 255):
        assert feed(line(struct.pack(">BBIH", version, frame.OPEN | 0x80, 1, 0))) == []
    assert len(feed(line(struct.pack(">BBIH", 1, frame.OPEN | 0x80, 1, 0)))) == 1


def test_a_header_cut_short_is_no_frame() -> None:
    header = struct.pack(">BBIH", 1, frame.OPEN | 0x80, 1, 0)
    for size in range(len(header)):
        assert feed(line(header[:size])) == []
    assert decode(b"", cobs) is None
    assert decode(cobs.encode(b"\0\0\0\0"), cobs) is None


def test_a_wrong_crc_is_no_frame() -> None:
    body = struct.pack(">BBIH", 1, frame.OPEN | 0x80, 1, 0)
    for crc in (0, binascii.crc32(body) ^ 1, binascii.crc32(body[1:])):
        assert decode(cobs.encode(body + struct.pack(">I", crc)), cobs) is None


def test_the_longest_frame_may_arrive_in_any_two_pieces() -> None:
    whole = Frame(frame.DATA, True, 0x11111111, 0x1111, b"\xff" * MAX_PAYLOAD).encode(cobs)
    assert len(whole) == 1 + 1016 + 1
    for cut in (1, 500, 1015, 1016, 1017):
        deframer = Deframer(cobs)
        assert deframer.feed(whole[:cut]) == []
        assert len(deframer.feed(whole[cut:])) == 1


def test_a_frame_whose_first_zero_is_lost_is_read_where_nothing_is_before_it() -> None:
    assert len(feed(Frame(frame.ACK, True, 1).encode(cobs)[1:])) == 1
