"""The channel: how a connection begins, for what, and with whom."""

from channel_world import World, assert_streams_are_whole, connected, frames

from firmware.wire import cobs, frame
from firmware.wire.channel import (
    GIVE_UP_MS,
    KEEPALIVE_MS,
    PAIRED,
    PAIRING,
    REFUSED_MS,
    REPLACED,
    SESSION,
    SILENT,
    UNKNOWN,
    UNPAIRED,
)
from firmware.wire.frame import Frame


def test_the_reader_says_nothing_until_it_is_opened() -> None:
    world = World()
    world.to_reader.clear()
    world.reader.channel.send(b"early", world.now)
    world.reader.note(world.reader.channel.tick(world.now + 60_000))
    assert world.reader.channel.output() == b""
    assert world.reader.channel.due() is None


def test_an_idle_host_notices_that_the_reader_restarted() -> None:
    world = connected()
    world.reader.restart(world.now)
    world.wait(KEEPALIVE_MS + 500, carry=True)
    assert [epoch.lost for epoch in world.host.epochs] == [UNKNOWN, None]
    assert world.reader.connected


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


def test_an_open_says_what_it_is_for() -> None:
    for purpose in (SESSION, PAIRING):
        world = World(host=purpose, reader=purpose)
        (opened,) = frames(list(world.to_reader))
        assert (opened.kind, opened.sequence, opened.payload) == (frame.OPEN, 0, bytes([purpose]))
        world.carry()
        assert world.host.connected
        assert world.reader.connected


def test_a_session_with_an_unpaired_reader_is_refused_and_tried_again_later() -> None:
    world = World(host=SESSION, reader=PAIRING)
    world.carry()
    assert world.host.lost == [UNPAIRED]
    assert world.reader.lost == []
    assert not world.reader.connected
    assert world.host.channel.due() == world.now + REFUSED_MS
    world.wait(REFUSED_MS, carry=True)
    assert world.host.lost == [UNPAIRED, UNPAIRED]


def test_pairing_with_a_paired_reader_is_refused_and_its_session_goes_on() -> None:
    world = connected()
    world.deliver(world.reader, Frame(frame.OPEN, True, 77, 0, bytes([PAIRING])).encode(cobs))
    (answer,) = frames(world.to_host)
    assert (answer.kind, answer.connection, answer.payload) == (frame.RESET, 77, bytes([PAIRED]))
    world.send(world.host, b"still here")
    world.carry()
    assert world.reader.epochs[-1].received == b"still here"


def test_an_open_without_a_purpose_or_with_an_unknown_one_opens_nothing() -> None:
    for payload in (b"", b"\0", b"\3", b"\1\1", b"\1\0"):
        world = World()
        world.to_reader.clear()
        world.deliver(world.reader, Frame(frame.OPEN, True, 77, 0, payload).encode(cobs))
        (answer,) = frames(world.to_host)
        assert (answer.kind, answer.connection, answer.payload) == (frame.RESET, 77, bytes([PAIRED]))
        assert not world.reader.connected


def test_an_opening_host_is_turned_away_by_no_other_reason_and_no_other_id() -> None:
    world = World(reader=PAIRING)
    (opened,) = frames(world.to_reader)
    for connection, payload in (
        (opened.connection, bytes([UNKNOWN])),
        (opened.connection, b""),
        (opened.connection, bytes([UNPAIRED, UNPAIRED])),
        (opened.connection ^ 1, bytes([UNPAIRED])),
    ):
        world.deliver(world.host, Frame(frame.RESET, False, connection, 0, payload).encode(cobs))
        assert world.host.lost == []
    world.deliver(world.host, Frame(frame.DATA, False, opened.connection, 0, bytes([UNPAIRED])).encode(cobs))
    assert world.host.lost == []
    world.deliver(world.host, Frame(frame.RESET, False, opened.connection, 0, bytes([UNPAIRED])).encode(cobs))
    assert world.host.lost == [UNPAIRED]


def test_the_connection_id_is_one_half_exclusive_or_the_other() -> None:
    world = World()
    (opened,) = frames(list(world.to_reader))
    world.deliver(world.reader, world.to_reader.pop(0))
    (answer,) = frames(list(world.to_host))
    assert (answer.kind, answer.connection, len(answer.payload)) == (frame.OPENED, opened.connection, 4)
    world.carry()
    world.send(world.host, b"x")
    (data,) = frames(world.to_reader)
    assert data.connection == opened.connection ^ int.from_bytes(answer.payload, "big")


def test_an_open_that_comes_again_gets_the_same_answer() -> None:
    world = World()
    first = world.to_reader[0]
    world.deliver(world.reader, first)
    world.deliver(world.reader, first)
    one, two = frames(world.to_host)
    assert one.payload == two.payload
    assert len(world.reader.epochs) == 1


def test_an_answer_for_another_open_or_of_another_length_begins_nothing() -> None:
    world = World()
    (opened,) = frames(world.to_reader)
    for connection, payload in (
        (opened.connection ^ 1, b"half"),
        (opened.connection, b"hal"),
        (opened.connection, b""),
    ):
        world.deliver(world.host, Frame(frame.OPENED, False, connection, 0, payload).encode(cobs))
        assert not world.host.connected
    world.deliver(world.host, Frame(frame.OPENED, False, opened.connection, 0, b"half").encode(cobs))
    assert world.host.connected
    world.deliver(world.host, Frame(frame.OPENED, False, opened.connection, 0, b"HALF").encode(cobs))
    assert len(world.host.epochs) == 1


def test_an_unanswered_open_is_repeated_with_the_same_id_ever_more_slowly() -> None:
    world = World()
    (first,) = frames(world.to_reader)
    begun = world.now
    times = []
    while len(times) < 6:
        due = world.host.channel.due()
        assert due is not None
        world.now = due
        world.wait(0)
        world.host.note(world.host.channel.tick(world.now))
        (again,) = frames([world.host.channel.output()])
        assert (again.kind, again.connection, again.payload) == (first.kind, first.connection, first.payload)
        times.append(world.now - begun)
        begun = world.now
    assert times == [100, 200, 400, 400, 400, 400]


def test_a_half_of_zeros_is_not_taken_for_none() -> None:
    world = World()
    world.host.luck.take = bytes  # zeros alone
    world.host.restart(world.now)
    world.wait(10)
    world.to_host.clear()
    opened = frames(world.to_reader)[-1]
    assert opened.connection == 1


def test_a_line_opened_anew_forgets_the_half_frame_before_it() -> None:
    world = World()
    whole = world.to_reader.pop()
    world.deliver(world.reader, whole[:-1])
    world.reader.reopen(world.now)
    world.deliver(world.reader, b"\0")
    assert not world.reader.connected
    world.deliver(world.reader, whole)
    assert world.reader.connected
