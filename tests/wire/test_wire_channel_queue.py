"""The channel: how much may wait to be sent."""

from channel_world import connected, frames

from firmware.wire import frame
from firmware.wire.channel import BROKEN, KEEPALIVE_MS, QUEUE_MAX, REOPEN_MS

RECORD = bytes(range(256)) * 37
"""About as long as a sealed record, in its message and its TLS record."""
DONE = b"d" * 29


def test_a_record_six_times_and_a_visit_s_questions_arrive_whole_over_a_line_that_takes_a_second_for_each_piece() -> (
    None
):
    world = connected()
    sent = [RECORD] * 6 + [bytes(4200)] * 4
    for one in sent:
        world.send(world.reader, one)
    for _ in range(sum(map(len, sent)) // 1000):
        world.wait(KEEPALIVE_MS - 100)
        world.deliver(world.host, world.to_host.pop())  # nothing but the last repetition
        world.to_host.clear()
        world.deliver(world.reader, world.to_reader.pop())
    world.carry()
    assert world.host.epochs[-1].received == b"".join(sent)
    assert world.reader.lost == [] and world.host.lost == []


def test_a_host_that_asks_and_asks_and_acknowledges_nothing_is_left_before_the_memory_is_full() -> None:
    world = connected()
    most = 0
    for _ in range(2 * QUEUE_MAX // len(DONE)):
        if world.reader.connected:
            world.send(world.reader, DONE)
            most = max(most, world.reader.channel.unsent())
            if world.reader.channel.due() == 0:
                world.wait(10)
    assert QUEUE_MAX - len(DONE) < most <= QUEUE_MAX
    assert world.reader.lost == [BROKEN] and world.reader.channel.unsent() == 0
    last = frames(world.to_host)[-1]
    assert (last.kind, last.payload) == (frame.RESET, bytes([BROKEN]))


def test_as_much_as_may_wait_arrives_whole() -> None:
    world = connected()
    world.send(world.reader, bytes(QUEUE_MAX))
    world.carry()
    assert world.host.epochs[-1].received == bytes(QUEUE_MAX) and world.reader.lost == []


def test_an_end_that_was_left_for_what_waited_learns_why_and_the_next_connection_works() -> None:
    for name in ("host", "reader"):
        world = connected()
        end = getattr(world, name)
        world.send(end, bytes(QUEUE_MAX + 1))
        world.wait(REOPEN_MS + 100, carry=True)
        assert world.host.lost == world.reader.lost == [BROKEN]
        world.send(end, b"again")
        world.carry()
        other = world.reader if end.host else world.host
        assert other.epochs[-1].received == b"again"


def test_a_queue_that_ran_over_is_told_before_the_connection_that_the_host_opens_next() -> None:
    world = connected()
    world.reader.send(bytes(QUEUE_MAX + 1), world.now)
    world.host.restart(world.now)
    world.wait(10)
    world.deliver(world.reader, world.to_reader.pop())
    assert world.reader.lost == [BROKEN] and world.reader.connected
