"""The catalogue of messages, and the request for an identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.wire import enrolment, messages
from firmware.wire.enrolment import MalformedRequest
from firmware.wire.messages import CAPS, LIMITS_MS, Malformed, Messages, pack


@given(st.lists(st.tuples(st.sampled_from(sorted(CAPS)), st.integers(0, 2**32 - 1)), max_size=5), st.integers(1, 50))
def test_messages_come_out_of_a_stream_cut_anywhere(sent: list[tuple[int, int]], cut: int) -> None:
    bodies = [(kind, request, b"b" * min(CAPS[kind], 60)) for kind, request in sent]
    stream = b"".join(pack(*one) for one in bodies)
    reader = Messages()
    found = [one for at in range(0, len(stream), cut) for one in reader.feed(stream[at : at + cut])]
    assert found == bodies


@pytest.mark.parametrize("kind", sorted(CAPS))
def test_a_message_beyond_its_cap_is_refused_by_both_ends(kind: int) -> None:
    with pytest.raises(Malformed):
        pack(kind, 1, bytes(CAPS[kind] + 1))
    header = bytes([kind]) + (1).to_bytes(4, "big") + (CAPS[kind] + 1).to_bytes(2, "big")
    with pytest.raises(Malformed):
        Messages().feed(header)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(Malformed):
        Messages().feed(bytes(7))


def test_every_question_has_a_time_limit() -> None:
    questions = {messages.OPEN_VISIT, messages.IDENTIFY, messages.DELIVER, messages.CALL_RECEPTION, messages.WELCOME}
    assert set(LIMITS_MS) == questions


def test_bodies_survive_packing() -> None:
    welcome = (bytes(16), bytes(range(32)), 3, True, 1_800_000_000)
    assert messages.unpack_welcome(messages.pack_welcome(*welcome)) == welcome
    assert messages.unpack_delivery(messages.pack_delivery(b"token", b"evidence")) == (b"token", b"evidence")
    for status in messages.STATUSES:
        assert messages.unpack_standing(messages.pack_standing(True, status, 5)) == (True, status, 5)
    receipt = (bytes(range(16)), False, "photo_changed")
    assert messages.unpack_receipt(messages.pack_receipt(*receipt)) == receipt
    assert messages.unpack_nonce(bytes(32)) == bytes(32)


UNPACKERS = (
    messages.unpack_welcome,
    messages.unpack_delivery,
    messages.unpack_nonce,
    messages.unpack_standing,
    messages.unpack_receipt,
)


@given(st.sampled_from(UNPACKERS), st.binary(max_size=200))
def test_garbage_is_malformed_and_nothing_worse(unpack, body: bytes) -> None:  # type: ignore[no-untyped-def]
    if len(body) != 32 and unpack is messages.unpack_nonce:
        with pytest.raises(Malformed):
            unpack(body)
        return
    try:
        unpack(body)
    except Malformed:
        return
    assert len(body) >= 3


def test_a_body_with_a_byte_too_many_is_malformed() -> None:
    bodies = (
        (messages.unpack_welcome, messages.pack_welcome(bytes(16), bytes(32), 1, False, 1)),
        (messages.unpack_delivery, messages.pack_delivery(b"token", b"evidence")),
        (messages.unpack_standing, messages.pack_standing(True, messages.GOOD, 1)),
        (messages.unpack_receipt, messages.pack_receipt(bytes(16), True, "")),
    )
    for unpack, body in bodies:
        with pytest.raises(Malformed):
            unpack(body + b"\0")


def test_a_certificate_status_that_is_none_is_malformed() -> None:
    with pytest.raises(Malformed):
        messages.unpack_standing(messages.pack_standing(True, 9, 1))


def test_a_request_for_an_identity_survives_packing() -> None:
    request = (b"csr", bytes(64), [b"idevid", b"root"])
    assert enrolment.unpack_request(enrolment.pack_request(*request)) == request


@given(st.binary(max_size=300))
def test_garbage_is_no_request(data: bytes) -> None:
    try:
        csr, signature, chain = enrolment.unpack_request(data)
    except MalformedRequest:
        return
    assert enrolment.pack_request(csr, signature, chain) == data


@given(st.integers(1, 89))
def test_a_request_cut_short_is_refused(cut: int) -> None:
    whole = enrolment.pack_request(b"c" * 10, bytes(64), [b"idevid", b"r"])
    with pytest.raises(MalformedRequest):
        enrolment.unpack_request(whole[:-cut] if cut < len(whole) else b"")
