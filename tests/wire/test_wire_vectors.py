"""The vectors against our own code: frames both ways, channels call by call, the steps of pairing.

They are what somebody who writes the other end in another language checks it with.
"""

import json

import firmware.wire
from firmware.wire import channel as ch
from firmware.wire import cobs, enrolment, frame, messages
from firmware.wire.frame import Deframer, Frame

FOLDER = firmware.wire.__file__.replace("__init__.py", "vectors/")
PURPOSES = {"SESSION": ch.SESSION, "PAIRING": ch.PAIRING}


def load(name: str):  # type: ignore[no-untyped-def]
    with open(FOLDER + name) as file:
        return json.load(file)


class Replayed:
    """A channel with the random bytes of a history."""

    def __init__(self, end: str, purpose: int, random: list[str]) -> None:
        self.channel = ch.Channel(end == "host", self.urandom, purpose, cobs)
        self.random = random
        self.sent = b""
        self.received = b""

    def urandom(self, size: int) -> bytes:
        taken = bytes.fromhex(self.random.pop(0))
        assert len(taken) == size
        return taken


def replay(history):  # type: ignore[no-untyped-def]
    """Both channels, told what the history says; each writes and gives what it says, and nothing else."""
    ends = {}
    random = {end: list(taken) for end, taken in history["random"].items()}
    written = {"host": b"", "reader": b""}
    for number, call in enumerate(history["calls"]):
        name, do = call["end"], call["do"]
        if do == "write":
            assert written[name].hex() == call["bytes"], (history["name"], number)
            written[name] = b""
            continue
        assert written == {"host": b"", "reader": b""}, (history["name"], number)
        if do == "start":
            ends[name] = Replayed(name, PURPOSES[history["purposes"][name]], random[name])
        end = ends[name]
        events = told(end, call, history["calls"])
        given = ["connected" if kind == ch.CONNECTED else f"lost {reason}" for kind, _, reason in events]
        assert given == call.get("gives", []), (history["name"], number)
        written[name] = end.channel.output()
    assert written == {"host": b"", "reader": b""}
    assert random == {"host": [], "reader": []}
    return ends


def told(end: Replayed, call, calls):  # type: ignore[no-untyped-def]
    """The events of one call, but for what was received."""
    do, now = call["do"], call["at"]
    events = []
    if do == "start":
        end.channel.start(now)
    elif do == "send":
        data = bytes.fromhex(call["bytes"])
        end.channel.send(data, now)
        end.sent += data
    elif do == "drop":
        end.channel.drop(call["reason"], now)
    elif do == "tick":
        events = end.channel.tick(now)
    else:
        heard = call["bytes"] if "bytes" in call else calls[call["of"]]["bytes"]
        events = end.channel.feed(bytes.fromhex(heard), now)
    end.received += b"".join([data for _, data, _ in events])
    return [event for event in events if event[0] != ch.RECEIVED]


def test_each_frame_of_the_vectors_is_written_and_read() -> None:
    vectors = load("frames.json")["frames"]
    kinds = {"OPEN": 1, "OPENED": 2, "DATA": 3, "ACK": 4, "RESET": 5}
    assert {vector["kind"] for vector in vectors} == set(kinds)
    for vector in vectors:
        line = bytes.fromhex(vector["bytes"])
        payload = bytes.fromhex(vector["payload"])
        from_host = vector["from"] == "host"
        whole = Frame(kinds[vector["kind"]], from_host, vector["connection"], vector["sequence"], payload)
        assert whole.encode(cobs) == line
        (found,) = Deframer(cobs).feed(line)
        assert (found.kind, found.from_host, found.payload) == (whole.kind, from_host, payload)
        assert (found.connection, found.sequence) == (vector["connection"], vector["sequence"])


def test_each_damaged_frame_of_the_vectors_is_dropped_and_the_next_one_read() -> None:
    vectors = load("frames.json")["damaged"]
    assert len(vectors) == 9
    after = Frame(frame.ACK, True, 1, 2).encode(cobs)
    for vector in vectors:
        assert len(Deframer(cobs).feed(bytes.fromhex(vector["bytes"]))) == 0, vector["dropped"]
        assert len(Deframer(cobs).feed(bytes.fromhex(vector["bytes"]) + after)) == 1, vector["dropped"]


def test_channels_do_call_by_call_what_the_vectors_say() -> None:
    histories = load("channel.json")
    assert len(histories) == 10
    for history in histories:
        replay(history)


def test_a_channel_that_does_anything_else_is_seen() -> None:
    history = load("channel.json")[0]
    for call in history["calls"]:
        if call["do"] == "write":
            call["bytes"] = call["bytes"].replace("83", "84")
    try:
        replay(history)
    except AssertionError:
        return
    raise AssertionError("the replay looks at nothing")


def test_the_session_of_the_vectors_bears_both_streams_whole() -> None:
    ends = replay(load("session.json"))
    assert len(ends["host"].sent) > 2000
    assert ends["host"].received == ends["reader"].sent
    assert ends["reader"].received == ends["host"].sent


def test_the_messages_of_the_session_are_of_the_catalogue() -> None:
    for vector in load("session.json")["messages"]:
        one = (vector["kind"], vector["request"], bytes.fromhex(vector["body"]))
        assert messages.Messages().feed(messages.pack(*one)) == [one]


def test_the_pairing_of_the_vectors_goes_step_by_step_to_its_code() -> None:
    vector = load("pairing.json")
    ends = replay(vector)
    of_host = messages.Messages(enrolment.CAPS).feed(ends["reader"].received)
    of_reader = messages.Messages(enrolment.CAPS).feed(ends["host"].received)
    assert [step for step, _, _ in of_host] == [enrolment.HELLO, enrolment.REVEAL, enrolment.ISSUED]
    assert [step for step, _, _ in of_reader] == [enrolment.IDENTITY, enrolment.PROOF, enrolment.DONE]
    assert {number for _, number, _ in of_host + of_reader} == {0}
    authority, commitment = enrolment.unpack_hello(of_host[0][2])
    chain, request, reader_nonce = enrolment.unpack_identity(of_reader[0][2])
    host_nonce = enrolment.unpack_nonce(of_host[1][2])
    assert (host_nonce.hex(), reader_nonce.hex()) == (vector["host_nonce"], vector["reader_nonce"])
    assert commitment == enrolment.commitment(host_nonce)
    transcript = enrolment.transcript(authority, chain[0], request, host_nonce, reader_nonce)
    assert transcript.hex() == vector["transcript"]
    assert enrolment.code(transcript) == vector["code"]
