"""Any schedule of faults over the two ends of a channel: their bytes arrive whole and in order, or the end is told."""

from channel_world import End, World, assert_streams_are_whole
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware.wire import cobs, frame
from firmware.wire.frame import Frame

RECOVERED_MS = 2_000
"""Once the line is sound, both ends are connected and say something new within so much time."""

ECHOED = 500
"""So many pieces on their way are not echoed once more: no line holds what echoes of echoes come to."""

places = st.integers(0, 999)
lanes = st.booleans()


class Tapped(World):
    """With somebody on the line who keeps what goes to the reader."""

    def __init__(self) -> None:
        self.tape: list[bytes] = []
        super().__init__()

    def deliver(self, end: End, data: bytes) -> None:
        if not end.host:
            self.tape = [*self.tape[-200:], data]
        super().deliver(end, data)


class ChannelMachine(RuleBasedStateMachine):
    """A connection of one end holds the beginning of what the other end sent in one connection, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Tapped()
        self.said = 0

    @rule(host=lanes, size=st.sampled_from((1, 30, 1000, 1001, 2500)), burst=st.integers(1, 3))
    def one_end_sends(self, host: bool, size: int, burst: int) -> None:
        end = self.world.host if host else self.world.reader
        for _ in range(burst):
            self.said += 1
            self.world.send(end, (b"%d:%d," % (host, self.said)).ljust(size, b"."))

    @rule(ms=st.sampled_from((10, 60, 500, 1100, 4100, 12500)), carry=st.booleans())
    def time_passes(self, ms: int, carry: bool) -> None:
        self.world.wait(ms, carry)

    @rule()
    def everything_arrives(self) -> None:
        self.world.carry()

    @rule(host=lanes, count=st.integers(1, 4))
    def some_pieces_arrive(self, host: bool, count: int) -> None:
        lane = self.lane(host)
        for piece in lane[:count]:
            lane.remove(piece)
            self.world.deliver(self.world.host if host else self.world.reader, piece)

    @rule(host=lanes, which=places, where=places, value=st.integers(1, 255))
    def a_byte_changes(self, host: bool, which: int, where: int, value: int) -> None:
        if lane := self.lane(host):
            piece = bytearray(lane[which % len(lane)])
            piece[where * len(piece) // 1000] ^= value
            lane[which % len(lane)] = bytes(piece)

    @rule(host=lanes, which=places)
    def a_piece_is_lost(self, host: bool, which: int) -> None:
        if lane := self.lane(host):
            lane.pop(which % len(lane))

    @rule(host=lanes, which=places, to_host=lanes, where=places)
    def a_piece_comes_again_on_either_side(self, host: bool, which: int, to_host: bool, where: int) -> None:
        if lane := self.lane(host):
            other = self.lane(to_host)
            other.insert(where * (len(other) + 1) // 1000, lane[which % len(lane)])

    @rule(host=lanes, lost=st.booleans())
    def the_line_echoes_and_may_lose_what_it_echoes(self, host: bool, lost: bool) -> None:
        lane, other = self.lane(host), self.lane(not host)
        if len(lane) + len(other) <= ECHOED:
            other.extend(lane)
        if lost:
            lane.clear()

    @rule(host=lanes, which=places, where=places, other=places)
    def two_pieces_are_spliced(self, host: bool, which: int, where: int, other: int) -> None:
        if lane := self.lane(host):
            one, two = lane[which % len(lane)], lane[other % len(lane)]
            lane[which % len(lane)] = one[: where * len(one) // 1000] + two[where * len(two) // 1000 :]

    @rule(host=lanes, what=st.sampled_from((frame.OPEN, frame.OPENED, frame.DATA, frame.ACK, frame.RESET)), word=places)
    def somebody_who_does_not_know_the_id_sends_a_frame(self, host: bool, what: int, word: int) -> None:
        payload = {frame.OPENED: bytes(4), frame.RESET: b"\x01", frame.OPEN: b"\x01"}.get(what, b"")
        if what == frame.OPEN and word % 4:
            payload = bytes([word % 256])
        elif what == frame.OPEN:
            return  # anybody may open: that is for TLS to sort out
        self.lane(host).append(Frame(what, not host, word, word % 3, payload).encode(cobs))

    @rule()
    def the_cable_is_pulled_and_plugged_in(self) -> None:
        self.world.cut()

    @rule()
    def the_reader_starts_anew_and_hears_it_all_again(self) -> None:
        self.world.reader.restart(self.world.now)
        for data in list(self.world.tape):
            self.world.deliver(self.world.reader, data)

    @rule(host=lanes)
    def one_end_starts_anew(self, host: bool) -> None:
        (self.world.host if host else self.world.reader).restart(self.world.now)

    @invariant()
    def streams_are_whole(self) -> None:
        assert_streams_are_whole(self.world)

    @invariant()
    def no_connection_is_played_again(self) -> None:
        """What was received in one connection is not received in another: each piece sent begins with its number."""
        for end in (self.world.host, self.world.reader):
            first = [epoch.received.partition(b",")[0] for epoch in end.epochs if b"," in epoch.received]
            assert len(set(first)) == len(first)

    @invariant()
    def the_reader_never_talks_first(self) -> None:
        assert not self.world.reader.talked_first

    def teardown(self) -> None:
        self.world.wait(RECOVERED_MS, carry=True)
        for end, other in ((self.world.host, self.world.reader), (self.world.reader, self.world.host)):
            assert end.connected and other.connected
            self.world.send(end, b"last word")
            self.world.wait(1000, carry=True)
            assert other.epochs[-1].received.endswith(b"last word")
        self.streams_are_whole()

    def lane(self, host: bool) -> list[bytes]:
        """What is on its way to one end."""
        return self.world.to_host if host else self.world.to_reader
