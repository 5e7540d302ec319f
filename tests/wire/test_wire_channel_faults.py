"""The channel on lines that do anything: streams stay whole, and the link comes back."""

from channel_world import End, World, assert_streams_are_whole, connected
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire.channel import GIVE_UP_MS, RECEIVED, SILENCE_MS

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


def test_numbers_wrap_and_the_stream_goes_on() -> None:
    """More pieces than 16 bits can number, on one connection."""
    world = connected()
    for number in range(0x10000 + 64):
        piece = number.to_bytes(4, "big")
        world.host.channel.send(piece, world.now)
        (event,) = world.reader.channel.feed(world.host.channel.output(), world.now)
        assert event == (RECEIVED, piece, 0)
        assert world.host.channel.feed(world.reader.channel.output(), world.now) == []
    world.send(world.reader, b"and back")
    world.carry()
    assert world.host.epochs[-1].received == b"and back"
