"""Pairing: the layout of its steps, what is signed, and the code that people compare."""

import hashlib

from plain import Luck, raises

from firmware.wire import cobs, enrolment
from firmware.wire.channel import BROKEN, CONNECTED, LOST, PAIRED, PAIRING, RECEIVED, REOPEN_MS, SESSION, Channel
from firmware.wire.enrolment import CAPS, Steps
from firmware.wire.frame import Deframer
from firmware.wire.messages import Malformed, pack

AUTHORITY, IDEVID, REQUEST = b"authority", b"idevid", b"request"
HOST_NONCE, READER_NONCE = b"h" * 32, b"r" * 32


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Line:
    """Two ends of pairing, joined by a line that delivers."""

    def __init__(self, reader_serves: int = PAIRING) -> None:
        luck = Luck(1)
        self.host = Steps(Channel(True, luck.take, PAIRING, cobs))
        self.reader = Steps(Channel(False, luck.take, reader_serves, cobs))
        self.reader.start(0)
        self.host.start(0)
        self.at_host = self.host.tick(0)
        self.at_reader: list[tuple[int, int, bytes]] = []
        self.carry(0)

    def carry(self, now: int) -> None:
        while True:
            to_reader, to_host = self.host.output(), self.reader.output()
            if not to_reader and not to_host:
                return
            self.at_reader += self.reader.feed(to_reader, now)
            self.at_host += self.host.feed(to_host, now)


def test_steps_have_the_numbers_and_caps_of_the_protocol() -> None:
    steps = ["HELLO", "IDENTITY", "REVEAL", "PROOF", "ISSUED", "DONE", "REFUSED"]
    assert [getattr(enrolment, name) for name in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [CAPS[step] for step in range(1, 8)] == [4130, 20523, 32, 64, 4096, 0, 64]
    assert len(CAPS) == 7
    assert (enrolment.STEP_MS, enrolment.HAND_MS) == (10_000, 300_000)


def test_steps_travel_both_ways() -> None:
    line = Line()
    line.host.send(enrolment.HELLO, enrolment.pack_hello(b"a" * 3000, b"c" * 32), 10)
    line.carry(10)
    line.reader.send(enrolment.DONE, b"", 20)
    line.carry(20)
    assert line.at_reader == [(CONNECTED, 0, b""), (RECEIVED, 1, b"\x0b\xb8" + b"a" * 3000 + b"c" * 32)]
    assert line.at_host == [(CONNECTED, 0, b""), (RECEIVED, 6, b"")]


def test_a_step_is_a_message_of_request_0() -> None:
    line = Line()
    line.host.send(enrolment.REVEAL, HOST_NONCE, 10)
    (data,) = Deframer(cobs).feed(line.host.output())
    assert data.payload == bytes.fromhex("03" + "00000000" + "0020") + HOST_NONCE


def test_a_paired_reader_turns_pairing_away() -> None:
    line = Line(reader_serves=SESSION)
    assert line.at_host == [(LOST, PAIRED, b"")]
    assert line.at_reader == []


def test_a_step_beyond_its_cap_is_not_sent_and_ends_the_connection_where_it_comes() -> None:
    line = Line()
    raises(Malformed, line.host.send, enrolment.REVEAL, bytes(33), 10)
    line.host._channel.send(bytes([enrolment.REVEAL]) + bytes(4) + (33).to_bytes(2, "big"), 10)
    line.carry(10)
    assert line.at_reader[1:] == [(LOST, BROKEN, b"")]
    assert line.at_host[1:] == [(LOST, BROKEN, b"")]


def test_a_host_that_hears_a_broken_step_opens_again_after_its_pause() -> None:
    line = Line()
    line.reader._channel.send(bytes(7), 10)
    line.carry(10)
    assert line.at_host[1:] == [(LOST, BROKEN, b"")]
    assert line.host.due() == 10 + REOPEN_MS


def test_what_breaks_the_steps_is_said() -> None:
    assert raises(Malformed, enrolment.unpack_identity, b"") == "chain"
    assert raises(Malformed, enrolment.pack_identity, [], b"", READER_NONCE) == "chain of 0"


def test_what_follows_a_broken_step_is_not_looked_at() -> None:
    line = Line()
    line.host._channel.send(bytes(7), 10)
    first = line.host.output()
    found = line.reader.feed(first + first, 10)
    assert found == [(LOST, BROKEN, b"")]


def test_half_a_step_of_a_lost_connection_is_forgotten() -> None:
    line = Line()
    half = pack(enrolment.REVEAL, 0, HOST_NONCE, CAPS)[:20]
    line.host._channel.send(half, 10)
    line.carry(10)
    line.host.start(20)
    line.at_host = line.host.tick(20)
    line.carry(20)
    line.host.send(enrolment.REVEAL, HOST_NONCE, 30)
    line.carry(30)
    assert line.at_reader[-2:] == [(CONNECTED, 0, b""), (RECEIVED, enrolment.REVEAL, HOST_NONCE)]


def test_time_passes_through_to_the_channel() -> None:
    line = Line()
    assert line.host.due() == 1000
    assert line.reader.due() == 12_000
    assert line.reader.tick(12_000) == [(LOST, 1, b"")]
    assert line.reader.due() is None


def test_the_transcript_is_over_everything_in_the_order_of_the_protocol() -> None:
    transcript = enrolment.transcript(AUTHORITY, IDEVID, REQUEST, HOST_NONCE, READER_NONCE)
    pieces = sha256(AUTHORITY) + sha256(IDEVID) + sha256(REQUEST) + HOST_NONCE + READER_NONCE
    assert transcript == sha256(b"face card reader: pairing, transcript, 1\0" + pieces)
    assert enrolment.signed(transcript) == b"face card reader: pairing, proof, 1\0" + transcript


def test_the_commitment_is_over_the_nonce_with_its_domain() -> None:
    assert enrolment.commitment(HOST_NONCE) == sha256(b"face card reader: pairing, commitment, 1\0" + HOST_NONCE)


def test_the_code_is_six_digits_out_of_the_transcript() -> None:
    number = int.from_bytes(sha256(b"face card reader: pairing, code, 1\0" + b"t" * 32)[:8], "big")
    assert int(enrolment.code(b"t" * 32)) == number % 1_000_000
    codes = [enrolment.code(bytes([number]) * 32) for number in range(64)]
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert any(code[0] == "0" for code in codes)


def test_the_code_of_either_end_differs_where_they_saw_different_things() -> None:
    seen = [AUTHORITY, IDEVID, REQUEST, HOST_NONCE, READER_NONCE]
    codes = {enrolment.code(enrolment.transcript(*seen))}
    for at in range(5):
        other = list(seen)
        other[at] = b"x" * len(seen[at])
        codes.add(enrolment.code(enrolment.transcript(*other)))
    assert len(codes) == 6


def test_a_hello_survives_packing() -> None:
    assert enrolment.pack_hello(b"ab", b"c" * 32) == b"\0\x02ab" + b"c" * 32
    for authority in (b"", b"a", b"a" * 4096):
        assert enrolment.unpack_hello(enrolment.pack_hello(authority, b"c" * 32)) == (authority, b"c" * 32)
    raises(Malformed, enrolment.pack_hello, b"a" * 4097, b"c" * 32)
    body = enrolment.pack_hello(b"ab", b"c" * 32)
    for broken in (body[:-1], body + b"\0", b"", b"\x10\x01" + b"a" * 4097 + b"c" * 32):
        raises(Malformed, enrolment.unpack_hello, broken)


def test_an_identity_survives_packing() -> None:
    body = enrolment.pack_identity([b"ab", b"c"], b"req", READER_NONCE)
    assert body == b"\2" + b"\0\x02ab" + b"\0\x01c" + b"\0\x03req" + READER_NONCE
    for chain in ([b"a"], [b"a", b""], [b"a" * 4096] * 4):
        body = enrolment.pack_identity(chain, b"q" * 4096, READER_NONCE)
        assert enrolment.unpack_identity(body) == (chain, b"q" * 4096, READER_NONCE)
    assert len(body) == CAPS[enrolment.IDENTITY]


def test_an_identity_beyond_its_caps_is_not_packed() -> None:
    for chain in ([], [b"a"] * 5, [b"a" * 4097]):
        raises(Malformed, enrolment.pack_identity, chain, b"q", READER_NONCE)
    raises(Malformed, enrolment.pack_identity, [b"a"], b"q" * 4097, READER_NONCE)


def test_an_identity_that_breaks_off_or_goes_on_or_has_no_chain_is_malformed() -> None:
    body = enrolment.pack_identity([b"ab", b"c"], b"req", READER_NONCE)
    for cut in range(len(body)):
        raises(Malformed, enrolment.unpack_identity, body[:cut])
    for broken in (body + b"\0", b"\0" + body[1:], b"\5" + b"\0\x01a" * 6 + READER_NONCE):
        raises(Malformed, enrolment.unpack_identity, broken)
    long = b"\1" + b"\x10\x01" + b"a" * 4097 + b"\0\0" + READER_NONCE
    raises(Malformed, enrolment.unpack_identity, long)
    raises(Malformed, enrolment.unpack_identity, b"\1" + b"\0\x01a" + b"\x10\x01" + b"a" * 4097 + READER_NONCE)


def test_nonce_signature_and_reason_have_their_sizes() -> None:
    assert enrolment.unpack_nonce(HOST_NONCE) == HOST_NONCE
    assert enrolment.unpack_signature(b"s" * 64) == b"s" * 64
    assert enrolment.unpack_reason(b"code_wrong") == "code_wrong"
    for size in (0, 31, 33):
        raises(Malformed, enrolment.unpack_nonce, bytes(size))
    for size in (0, 63, 65):
        raises(Malformed, enrolment.unpack_signature, bytes(size))
    raises(Malformed, enrolment.unpack_reason, b"\xff")
