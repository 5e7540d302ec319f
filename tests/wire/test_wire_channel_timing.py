"""The channel: what is repeated when, and when an end is given up."""

from channel_world import World, connected, frames

from firmware.wire import cobs, frame
from firmware.wire.channel import (
    BROKEN,
    GIVE_UP_MS,
    KEEPALIVE_MS,
    REFUSED,
    REFUSED_MS,
    REOPEN_MS,
    RETRY_MAX_MS,
    RETRY_MS,
    SILENCE_MS,
    SILENT,
)
from firmware.wire.frame import Frame


def test_an_idle_connection_stays() -> None:
    world = connected()
    world.wait(60_000, carry=True)
    assert len(world.host.epochs) == len(world.reader.epochs) == 1
    assert world.host.connected
    assert world.reader.connected


def test_an_idle_reader_notices_that_the_host_is_gone() -> None:
    world = connected()
    for _ in range(0, SILENCE_MS + 10, 10):
        world.wait(10)
        world.to_reader.clear()
    assert world.reader.epochs[-1].lost == SILENT


def test_a_refused_host_waits_before_it_tries_again() -> None:
    world = connected()
    world.reader.channel.drop(REFUSED, world.now)
    world.reader.connected = False
    world.wait(REFUSED_MS - 100, carry=True)
    assert world.host.epochs[-1].lost == REFUSED
    assert not world.host.connected
    world.wait(500, carry=True)
    assert world.host.connected


def test_unacknowledged_data_is_repeated_after_the_times_of_the_protocol_and_then_given_up() -> None:
    world = connected()
    begun = world.now
    world.send(world.reader, b"token")
    (first,) = frames(world.to_host)
    times = []
    while world.reader.connected:
        due = world.reader.channel.due()
        assert due is not None
        assert world.now < due
        world.now = due
        world.reader.note(world.reader.channel.tick(world.now))
        for again in frames([world.reader.channel.output()]):
            assert (again.kind, again.sequence, again.payload) == (frame.DATA, first.sequence, b"token")
            times.append(world.now - begun)
    assert times[:5] == [RETRY_MS, RETRY_MS + 100, RETRY_MS + 300, RETRY_MS + 700, RETRY_MS + 700 + RETRY_MAX_MS]
    assert world.now - begun == GIVE_UP_MS
    assert world.reader.lost == [SILENT]


def test_after_an_acknowledgement_the_next_piece_is_again_repeated_soon() -> None:
    world = connected()
    world.send(world.reader, bytes(1500))
    world.wait(1000)
    world.to_host.clear()
    world.wait(RETRY_MAX_MS, carry=True)
    world.send(world.reader, b"more")
    world.to_host.clear()
    assert world.reader.channel.due() == world.now + RETRY_MS


def test_the_host_breaks_its_silence_in_time_and_the_reader_does_not() -> None:
    world = connected()
    assert world.host.channel.due() == world.now + KEEPALIVE_MS
    assert world.reader.channel.due() == world.now + SILENCE_MS
    world.wait(KEEPALIVE_MS - 10)
    assert world.to_reader == []
    world.wait(10)
    (sign,) = frames(list(world.to_reader))
    assert (sign.kind, sign.payload) == (frame.DATA, b"")
    world.carry()
    assert world.reader.epochs[-1].received == b""
    assert world.reader.channel.due() == world.now + SILENCE_MS


def test_a_reader_that_waits_for_an_acknowledgement_is_due_at_the_nearest_time() -> None:
    world = connected()
    world.wait(SILENCE_MS - 20)
    world.to_reader.clear()
    world.send(world.reader, b"late question")
    assert world.reader.channel.due() == world.now + 20
    world.wait(20)
    assert world.reader.lost == [SILENT]
    assert world.reader.channel.due() is None


def test_a_silent_host_is_gone_at_the_limit_and_not_before() -> None:
    world = connected()
    heard = world.now
    world.wait(SILENCE_MS - 10)
    assert world.reader.connected
    world.wait(10)
    assert not world.reader.connected
    assert world.now - heard == SILENCE_MS


def test_after_a_loss_the_host_pauses_and_takes_a_new_id() -> None:
    world = World()
    (first,) = frames(list(world.to_reader))
    world.carry()
    world.reader.channel.drop(BROKEN, world.now)
    world.reader.connected = False
    world.wait(0)
    world.deliver(world.host, world.reader.channel.output())
    assert world.host.lost == [BROKEN]
    assert world.host.channel.due() == world.now + REOPEN_MS
    world.wait(REOPEN_MS)
    (second,) = frames(world.to_reader)
    assert second.kind == frame.OPEN
    assert second.connection != first.connection


def test_a_host_that_drops_says_why_and_pauses_longer_where_it_refused() -> None:
    for reason, pause in ((REFUSED, REFUSED_MS), (BROKEN, REOPEN_MS)):
        world = connected()
        world.host.channel.drop(reason, world.now)
        assert world.host.channel.due() == world.now + pause
        world.host.connected = False
        world.wait(10)
        world.carry()
        assert world.reader.lost == [reason]
        assert world.reader.channel.due() is None


def test_dropping_without_a_connection_says_nothing() -> None:
    world = World()
    world.to_reader.clear()
    world.host.channel.drop(BROKEN, world.now)
    world.reader.channel.drop(BROKEN, world.now)
    assert world.host.channel.output() == world.reader.channel.output() == b""
    assert world.host.channel.due() == world.now + REOPEN_MS
    assert world.reader.channel.due() is None


def test_a_kind_that_is_none_is_ignored_and_counts_as_a_sign_of_life() -> None:
    world = connected()
    world.send(world.host, b"x")
    (data,) = frames(list(world.to_reader))
    world.carry()
    world.wait(KEEPALIVE_MS - 10)
    world.deliver(world.reader, Frame(9, True, data.connection).encode(cobs))
    assert world.to_host == []
    assert world.reader.channel.due() == world.now + SILENCE_MS


def test_an_acknowledgement_that_nothing_waits_for_is_ignored() -> None:
    world = connected()
    world.send(world.host, b"one")
    (data,) = frames(list(world.to_reader))
    world.carry()
    for number in (data.sequence, data.sequence + 1):
        world.deliver(world.host, Frame(frame.ACK, False, data.connection, number).encode(cobs))
    world.send(world.host, b"two")
    world.carry()
    assert world.reader.epochs[-1].received == b"onetwo"


def test_a_tick_before_its_time_does_nothing() -> None:
    world = World()
    world.to_reader.clear()
    assert world.host.channel.tick(world.now) == []
    assert world.host.channel.output() == b""
    world = connected()
    for at in (world.now, world.now + 10, world.now + KEEPALIVE_MS - 1):
        for end in (world.host, world.reader):
            assert end.channel.tick(at) == []
            assert end.channel.output() == b""
    assert world.reader.channel.tick(world.now + SILENCE_MS - 1) == []
    world.send(world.reader, b"question")
    world.to_host.clear()
    assert world.reader.channel.tick(world.now + RETRY_MS - 1) == []
    assert world.reader.channel.output() == b""


def test_a_sign_of_life_that_is_lost_is_repeated_and_acknowledged_once() -> None:
    world = connected()
    world.wait(KEEPALIVE_MS)
    (first,) = frames(world.to_reader)
    assert world.host.channel.due() == world.now + RETRY_MS
    world.wait(RETRY_MS)
    (again,) = frames(list(world.to_reader))
    assert (again.sequence, again.payload) == (first.sequence, b"")
    world.carry()
    assert world.host.channel.due() == world.now + KEEPALIVE_MS
