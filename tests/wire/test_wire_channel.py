"""The channel: what it promises on a good line, and that no line makes it break the promise."""

from channel_world import End, World, assert_streams_are_whole
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import frame
from firmware.wire.channel import (
    GIVE_UP_MS,
    KEEPALIVE_MS,
    REFUSED,
    REFUSED_MS,
    REPLACED,
    SILENCE_MS,
    SILENT,
    UNKNOWN,
)
from firmware.wire.frame import Deframer, Frame


def connected() -> World:
    world = World()
    world.carry()
    assert world.host.connected
    assert world.reader.connected
    return world


def test_the_reader_says_nothing_until_it_is_opened() -> None:
    world = World()
    world.to_reader.clear()
    world.reader.channel.send(b"early", world.now)
    world.reader.note(world.reader.channel.tick(world.now + 60_000))
    assert world.reader.channel.output() == b""
    assert world.reader.channel.due() is None


def test_bytes_arrive_whole_and_in_order_both_ways() -> None:
    world = connected()
    question, answer = bytes(range(256)) * 20, bytes(range(255, -1, -1)) * 20
    world.send(world.reader, question)
    world.send(world.host, answer)
    world.carry()
    assert world.host.epochs[-1].received == question
    assert world.reader.epochs[-1].received == answer


def test_a_lost_frame_is_sent_again() -> None:
    world = connected()
    world.send(world.reader, b"token")
    world.to_host.clear()
    world.wait(100, carry=True)
    assert world.host.epochs[-1].received == b"token"


def test_a_lost_acknowledgement_delivers_once() -> None:
    world = connected()
    world.send(world.reader, b"token")
    world.deliver(world.host, world.to_host.pop(0))
    world.to_reader.clear()
    world.wait(100, carry=True)
    assert world.host.epochs[-1].received == b"token"


def test_a_late_acknowledgement_of_one_frame_is_not_taken_for_the_next() -> None:
    world = connected()
    world.send(world.reader, b"one ")
    world.wait(60)  # sent twice, so acknowledged twice
    world.deliver(world.host, world.to_host.pop(0))
    first_ack = world.to_reader[-1]
    world.carry()
    world.send(world.reader, b"two ")
    world.to_host.clear()
    world.deliver(world.reader, first_ack)
    world.wait(1000, carry=True)
    assert world.host.epochs[-1].received == b"one two "


def test_a_frame_ahead_of_its_turn_is_not_acknowledged() -> None:
    world = connected()
    world.send(world.reader, b"one")
    (first,) = Deframer().feed(world.to_host.pop())
    world.deliver(world.host, Frame(frame.DATA, False, first.connection, first.sequence + 1, b"two").encode())
    assert world.to_reader == []
    assert world.host.epochs[-1].received == b""


def test_an_idle_connection_stays() -> None:
    world = connected()
    world.wait(60_000, carry=True)
    assert len(world.host.epochs) == len(world.reader.epochs) == 1
    assert world.host.connected
    assert world.reader.connected


def test_reflected_frames_are_not_taken_for_answers() -> None:
    """A cooked terminal device echoes: OPEN and DATA come back to their sender, and mean nothing there."""
    world = World()
    world.deliver(world.host, world.to_reader[0])
    assert not world.host.connected
    world.carry()
    world.send(world.reader, b"question")
    world.deliver(world.reader, world.to_host[0])
    assert world.reader.epochs[-1].received == b""
    assert world.reader.connected


def test_an_idle_host_notices_that_the_reader_restarted() -> None:
    world = connected()
    world.reader.restart(world.now)
    world.wait(KEEPALIVE_MS + 500, carry=True)
    assert [epoch.lost for epoch in world.host.epochs] == [UNKNOWN, None]
    assert world.reader.connected


def test_an_idle_reader_notices_that_the_host_is_gone() -> None:
    world = connected()
    for _ in range(0, SILENCE_MS + 10, 10):
        world.wait(10)
        world.to_reader.clear()
    assert world.reader.epochs[-1].lost == SILENT


def test_a_host_without_answers_gives_up_and_opens_again() -> None:
    world = connected()
    world.send(world.host, b"answer")
    for _ in range(0, GIVE_UP_MS + 10, 10):
        world.wait(10)
        world.to_reader.clear()
    assert world.host.epochs[-1].lost == SILENT
    world.wait(500, carry=True)
    assert world.host.connected


def test_a_restarted_host_replaces_its_old_connection_at_once() -> None:
    world = connected()
    world.host.restart(world.now)
    world.wait(10, carry=True)
    assert [epoch.lost for epoch in world.reader.epochs] == [REPLACED, None]
    assert world.host.connected


def test_a_stale_open_cannot_bring_an_old_connection_back() -> None:
    """The reader restarts, and a repeated OPEN of the old connection reaches it: the two must not be joined."""
    world = World()
    stale = world.to_reader[0]
    world.carry()
    world.send(world.reader, b"old ")
    world.carry()
    world.reader.restart(world.now)
    world.deliver(world.reader, stale)
    world.to_host.clear()
    world.send(world.reader, b"new1")
    world.send(world.reader, b"new2")
    world.carry()
    assert world.host.epochs[0].received == b"old "
    world.wait(10_000, carry=True)
    assert_streams_are_whole(world)
    assert world.host.connected


def test_a_refused_host_waits_before_it_tries_again() -> None:
    world = connected()
    world.reader.channel.drop(REFUSED, world.now)
    world.reader.connected = False
    world.wait(REFUSED_MS - 100, carry=True)
    assert world.host.epochs[-1].lost == REFUSED
    assert not world.host.connected
    world.wait(500, carry=True)
    assert world.host.connected


def test_frames_stay_under_one_kilobyte_on_the_line() -> None:
    world = connected()
    world.send(world.reader, b"\1" * 5000)
    assert len(world.to_host[0]) <= 1024


def test_frames_of_a_connection_that_nobody_knows_are_answered_by_the_reader_alone() -> None:
    world = World()
    world.to_reader.clear()
    world.deliver(world.reader, Frame(frame.DATA, True, 7, 0, b"who?").encode())
    (answer,) = Deframer().feed(world.to_host.pop())
    assert (answer.kind, answer.connection, answer.from_host) == (frame.RESET, 7, False)
    world.deliver(world.host, Frame(frame.DATA, False, 7, 0, b"who?").encode())
    assert world.to_reader == []


ENDS = st.sampled_from(["host", "reader"])
FAULTS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), ENDS, st.integers(1, 2500)),
        st.tuples(st.sampled_from(["arrive", "drop", "repeat", "reflect", "keep"]), ENDS, st.integers(0, 3)),
        st.tuples(st.just("flip"), ENDS, st.integers(0, 5000)),
        st.tuples(st.just("split"), ENDS, st.integers(1, 1000)),
        st.tuples(st.just("garbage"), ENDS, st.integers(1, 1500)),
        st.tuples(st.just("replay"), ENDS, st.integers(0, 20)),
        st.tuples(st.just("restart"), ENDS, st.just(0)),
        st.tuples(st.just("cut"), ENDS, st.just(0)),
        st.tuples(st.just("wait"), ENDS, st.integers(10, 2500)),
        st.tuples(st.just("work"), ENDS, st.integers(10, 1500)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(FAULTS, st.integers(0, 2**32))
def test_whatever_the_line_does_streams_stay_whole_and_the_link_recovers(
    faults: list[tuple[str, str, int]], seed: int
) -> None:
    world = World(seed)
    kept: list[tuple[End, bytes]] = []
    for index, (what, name, number) in enumerate(faults):
        end = world.host if name == "host" else world.reader
        line = world.to_host if name == "host" else world.to_reader  # what is on its way to `end`
        other = world.reader if name == "host" else world.host
        if line:
            kept.append((end, line[-1]))
        if what == "send":
            world.send(end, (b"%s %d " % (name.encode(), index) * number)[:number])
        elif what == "restart":
            end.restart(world.now)
            world.send(end, b"")
        elif what == "cut":
            world.cut()
        elif what in ("wait", "work"):
            world.wait(number, carry=what == "work")
        elif what == "garbage":
            line.append(bytes((seed * index + one * 37) & 0xFF for one in range(number)))
        elif what == "replay" and kept:
            world.deliver(*kept[number % len(kept)])
        elif line:
            mangle(world, end, other, line, what, number)
    assert_streams_are_whole(world)
    world.wait(GIVE_UP_MS + SILENCE_MS, carry=True)
    assert world.host.connected
    assert world.reader.connected
    before = world.host.epochs[-1].received, world.reader.epochs[-1].received
    world.send(world.host, b"last words of the host")
    world.send(world.reader, b"last words of the reader")
    world.wait(100, carry=True)
    assert world.host.epochs[-1].received == before[0] + b"last words of the reader"
    assert world.reader.epochs[-1].received == before[1] + b"last words of the host"
    assert_streams_are_whole(world)
    assert not world.reader.talked_first


def mangle(world: World, end: End, other: End, line: list[bytes], what: str, number: int) -> None:
    first = line.pop(0)
    if what == "repeat":
        for _ in range(number + 1):
            world.deliver(end, first)
    elif what == "reflect":
        world.deliver(other, first)
        world.deliver(end, first)
    elif what == "flip":
        at = number % len(first)
        world.deliver(end, first[:at] + bytes([first[at] ^ (1 << number % 8)]) + first[at + 1 :])
    elif what == "split":
        world.deliver(end, first[:number])
        world.deliver(end, first[number:])
    elif what in ("arrive", "keep"):
        world.deliver(end, first)
