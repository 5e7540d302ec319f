"""Frames, COBS and messages over any bytes."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import cobs, enrolment, frame, messages
from firmware.wire.frame import Deframer, Frame
from firmware.wire.messages import CAPS, Malformed, Messages, pack


@given(st.binary(max_size=1200))
def test_cobs_gives_back_what_it_was_given_and_holds_no_zero(plain: bytes) -> None:
    encoded = cobs.encode(plain)
    assert 0 not in encoded
    assert len(encoded) <= len(plain) + 1 + len(plain) // 254
    assert cobs.decode(encoded) == plain


@given(st.integers(0, 0x7F), st.booleans(), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF), st.binary(max_size=1000))
def test_a_frame_survives_its_encoding(kind: int, from_host: bool, connection: int, number: int, load: bytes) -> None:
    (found,) = Deframer(cobs).feed(Frame(kind, from_host, connection, number, load).encode(cobs))
    assert (found.kind, found.from_host, found.connection) == (kind, from_host, connection)
    assert (found.sequence, found.payload) == (number, load)


@settings(max_examples=200)
@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_garbage_before_a_frame_costs_no_more_than_itself(garbage: bytes, cut: int) -> None:
    whole = garbage + Frame(frame.DATA, True, 5, 6, b"load").encode(cobs)
    deframer = Deframer(cobs)
    found = deframer.feed(whole[:cut]) + deframer.feed(whole[cut:])
    assert [one.payload for one in found] == [b"load"]


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_changed_byte_makes_no_other_frame(at: int, change: int) -> None:
    line = bytearray(Frame(frame.DATA, True, 5, 6, b"\0load\0" * 5).encode(cobs))
    line[at] ^= change
    for found in Deframer(cobs).feed(bytes(line)):
        assert (found.connection, found.sequence, found.payload) == (5, 6, b"\0load\0" * 5)


@given(st.lists(st.tuples(st.sampled_from(sorted(CAPS)), st.integers(0, 2**32 - 1)), max_size=5), st.integers(1, 50))
def test_messages_come_out_of_any_stream_cut_anywhere(sent: list[tuple[int, int]], cut: int) -> None:
    bodies = [(kind, request, b"b" * min(CAPS[kind], 60)) for kind, request in sent]
    stream = b"".join(pack(*one) for one in bodies)
    reader = Messages()
    found = [one for at in range(0, len(stream), cut) for one in reader.feed(stream[at : at + cut])]
    assert found == bodies


UNPACKERS: tuple[tuple[Callable[..., object], Callable[..., bytes]], ...] = (
    (messages.unpack_settings, lambda it: messages.pack_settings(*it)),
    (messages.unpack_nonce, bytes),
    (messages.unpack_digest, bytes),
    (messages.unpack_standing, lambda it: messages.pack_standing(*it)),
    (messages.unpack_certificate_status, lambda it: bytes([it])),
    (messages.unpack_prescriptions, messages.pack_prescriptions),
    (messages.unpack_passcode, messages.pack_passcode),
    (messages.unpack_verdict, lambda it: messages.pack_verdict(*it)),
    (messages.unpack_receipt, lambda it: messages.pack_receipt(*it)),
    (enrolment.unpack_hello, lambda it: enrolment.pack_hello(*it)),
    (enrolment.unpack_identity, lambda it: enrolment.pack_identity(*it)),
    (enrolment.unpack_nonce, bytes),
    (enrolment.unpack_signature, bytes),
    (enrolment.unpack_reason, str.encode),
)


@settings(max_examples=500)
@given(st.sampled_from(UNPACKERS), st.binary(max_size=200))
def test_a_body_is_malformed_or_says_the_same_when_packed_again(
    both: tuple[Callable[..., object], Callable[..., bytes]], body: bytes
) -> None:
    unpack, pack_again = both
    try:
        said = unpack(body)
    except Malformed:
        return
    assert pack_again(said) == body
