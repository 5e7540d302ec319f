"""The channel: the stream that it bears, whole and in order."""

from channel_world import World, connected, frames

from firmware.wire import cobs, frame
from firmware.wire.channel import UNKNOWN
from firmware.wire.frame import Deframer, Frame


def test_bytes_arrive_whole_and_in_order_both_ways() -> None:
    world = connected()
    question, answer = bytes(range(256)) * 20, bytes(range(1, 256)) * 20
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
    (first,) = Deframer(cobs).feed(world.to_host.pop())
    world.deliver(world.host, Frame(frame.DATA, False, first.connection, first.sequence + 1, b"two").encode(cobs))
    assert world.to_reader == []
    assert world.host.epochs[-1].received == b""


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


def test_frames_stay_under_one_kilobyte_on_the_line() -> None:
    world = connected()
    world.send(world.reader, b"\1" * 5000)
    assert len(world.to_host[0]) <= 1024


def test_frames_of_a_connection_that_nobody_knows_are_answered_by_the_reader_alone() -> None:
    world = World()
    world.to_reader.clear()
    world.deliver(world.reader, Frame(frame.DATA, True, 7, 0, b"who?").encode(cobs))
    (answer,) = Deframer(cobs).feed(world.to_host.pop())
    assert (answer.kind, answer.connection, answer.from_host) == (frame.RESET, 7, False)
    world.deliver(world.host, Frame(frame.DATA, False, 7, 0, b"who?").encode(cobs))
    assert world.to_reader == []


def test_a_reset_without_a_reason_ends_the_connection_too() -> None:
    world = connected()
    world.send(world.host, b"x")
    (data,) = frames(world.to_reader)
    world.deliver(world.host, Frame(frame.RESET, False, data.connection).encode(cobs))
    assert world.host.lost == [UNKNOWN]


def test_what_is_sent_without_a_connection_is_not_kept_for_the_next() -> None:
    world = World()
    world.send(world.host, b"too early")
    world.carry()
    world.wait(100, carry=True)
    assert world.reader.epochs[-1].received == b""


def test_a_frame_of_another_connection_changes_nothing() -> None:
    world = connected()
    world.send(world.host, b"x")
    (data,) = frames(list(world.to_reader))
    for kind in (frame.ACK, frame.RESET, frame.DATA):
        world.deliver(world.host, Frame(kind, False, data.connection ^ 1, data.sequence, b"\1").encode(cobs))
    world.carry()
    assert world.host.lost == []
    assert world.host.epochs[-1].received == b""
    assert world.reader.epochs[-1].received == b"x"


def test_a_long_message_goes_in_pieces_of_the_largest_payload() -> None:
    world = connected()
    sent = bytes(range(250)) * 10
    world.send(world.reader, sent)
    sizes, unsent = [], []
    while world.to_host:
        (piece,) = frames(list(world.to_host))
        sizes.append(len(piece.payload))
        unsent.append(world.reader.channel.unsent())
        world.deliver(world.host, world.to_host.pop(0))
        world.deliver(world.reader, world.to_reader.pop(0))
    assert sizes == [1000, 1000, 500]
    assert unsent == [1500, 500, 0]
    assert world.host.epochs[-1].received == sent


def test_what_is_queued_behind_a_piece_on_its_way_follows_in_order() -> None:
    world = connected()
    for word in (b"one ", b"two ", b"three ", b"four"):
        world.send(world.reader, word)
    world.carry()
    assert world.host.epochs[-1].received == b"one two three four"


def test_a_piece_that_comes_again_is_acknowledged_again_whatever_its_number() -> None:
    world = connected()
    for word in (b"one ", b"two ", b"three "):
        world.send(world.reader, word)
        again = world.to_host[-1]
        world.carry()
        world.deliver(world.host, again)
        (ack,) = frames(world.to_reader)
        (data,) = frames([again])
        assert (ack.kind, ack.sequence) == (frame.ACK, data.sequence)
    assert world.host.epochs[-1].received == b"one two three "


def test_a_piece_older_than_the_one_before_is_ignored() -> None:
    world = connected()
    world.send(world.reader, b"one ")
    oldest = world.to_host[-1]
    world.carry()
    world.send(world.reader, b"two ")
    world.carry()
    world.deliver(world.host, oldest)
    assert world.to_reader == []
