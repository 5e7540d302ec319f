"""The channel: what it promises on a good line, and that no line makes it break the promise."""

from channel_world import World, assert_streams_are_whole, connected

from firmware.wire import cobs, frame
from firmware.wire.channel import (
    BROKEN,
    GIVE_UP_MS,
    KEEPALIVE_MS,
    PAIRED,
    PAIRING,
    REFUSED,
    REFUSED_MS,
    REOPEN_MS,
    REPLACED,
    RETRY_MAX_MS,
    RETRY_MS,
    SESSION,
    SILENCE_MS,
    SILENT,
    UNKNOWN,
    UNPAIRED,
)
from firmware.wire.frame import Deframer, Frame


def frames(line: list[bytes]) -> list[Frame]:
    """What lies on a line, which is then empty."""
    deframer = Deframer(cobs)
    found = [one for piece in line for one in deframer.feed(piece)]
    line.clear()
    return found


def test_the_reader_says_nothing_until_it_is_opened() -> None:
    world = World()
    world.to_reader.clear()
    world.reader.channel.send(b"early", world.now)
    world.reader.note(world.reader.channel.tick(world.now + 60_000))
    assert world.reader.channel.output() == b""
    assert world.reader.channel.due() is None


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
    world.deliver(world.reader, Frame(frame.DATA, True, 7, 0, b"who?").encode(cobs))
    (answer,) = Deframer(cobs).feed(world.to_host.pop())
    assert (answer.kind, answer.connection, answer.from_host) == (frame.RESET, 7, False)
    world.deliver(world.host, Frame(frame.DATA, False, 7, 0, b"who?").encode(cobs))
    assert world.to_reader == []


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


def test_a_half_of_zeros_is_not_taken_for_none() -> None:
    world = World()
    world.host.luck.take = bytes  # zeros alone
    world.host.restart(world.now)
    world.wait(10)
    world.to_host.clear()
    opened = frames(world.to_reader)[-1]
    assert opened.connection == 1


def test_a_long_message_goes_in_pieces_of_the_largest_payload() -> None:
    world = connected()
    sent = bytes(range(250)) * 10
    world.send(world.reader, sent)
    sizes = []
    while world.to_host:
        (piece,) = frames(list(world.to_host))
        sizes.append(len(piece.payload))
        world.deliver(world.host, world.to_host.pop(0))
        world.deliver(world.reader, world.to_reader.pop(0))
    assert sizes == [1000, 1000, 500]
    assert world.host.epochs[-1].received == sent


def test_a_line_opened_anew_forgets_the_half_frame_before_it() -> None:
    world = World()
    whole = world.to_reader.pop()
    world.deliver(world.reader, whole[:-1])
    world.reader.reopen(world.now)
    world.deliver(world.reader, b"\0")
    assert not world.reader.connected
    world.deliver(world.reader, whole)
    assert world.reader.connected


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
