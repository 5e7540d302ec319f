"""Two ends of a channel, and a line between them that does whatever a test tells it."""

from plain import Luck

from firmware.wire import cobs
from firmware.wire.channel import CONNECTED, LOST, RECEIVED, SESSION, Channel
from firmware.wire.frame import Deframer, Frame

STEP_MS = 10


class Epoch:
    """One connection as one end saw it."""

    def __init__(self) -> None:
        self.sent = b""
        self.received = b""
        self.lost: int | None = None  # reason, once it is over


class End:
    """One end and its history; `restart` is a new program on the same line."""

    def __init__(self, host: bool, luck: Luck, purpose: int) -> None:
        self.host = host
        self.luck = luck
        self.purpose = purpose
        self.epochs: list[Epoch] = []
        self.lost: list[int] = []  # reasons, in order; before a connection too
        self.connected = False
        self.talked_first = False
        self.heard_anything = False
        self.channel = Channel(host, luck.take, purpose, cobs)

    def restart(self, now: int) -> None:
        self.channel = Channel(self.host, self.luck.take, self.purpose, cobs)
        self.reopen(now)

    def reopen(self, now: int) -> None:
        self.connected = False
        self.heard_anything = False
        self.channel.start(now)

    def send(self, data: bytes, now: int) -> None:
        if self.connected:
            self.epochs[-1].sent += data
        self.channel.send(data, now)

    def note(self, events: list[tuple[int, bytes, int]]) -> None:
        for kind, data, reason in events:
            assert kind == RECEIVED or data == b""
            assert kind == LOST or reason == 0
            if kind == CONNECTED:
                self.epochs.append(Epoch())
                self.connected = True
            elif kind == RECEIVED:
                self.epochs[-1].received += data
            else:
                assert kind == LOST
                self.lost.append(reason)
                if self.connected:
                    self.epochs[-1].lost = reason
                self.connected = False


class World:
    """Time, the line, and both ends. Bytes on their way lie in `to_reader` and `to_host`, one entry a write."""

    def __init__(self, seed: int = 0, host: int = SESSION, reader: int = SESSION) -> None:
        """`host`, `reader`: the purposes of the two ends."""
        self.now = 1000
        luck = Luck(seed)
        self.host = End(True, luck, host)
        self.reader = End(False, luck, reader)
        self.to_reader: list[bytes] = []
        self.to_host: list[bytes] = []
        for end in (self.reader, self.host):
            end.reopen(self.now)
        self.wait(STEP_MS)

    def send(self, end: End, data: bytes) -> None:
        end.send(data, self.now)
        self._collect()

    def cut(self) -> None:
        """The cable is pulled and plugged in again."""
        self.to_reader.clear()
        self.to_host.clear()
        self.host.reopen(self.now)
        self.reader.reopen(self.now)
        self._collect()

    def deliver(self, end: End, data: bytes) -> None:
        """Bytes arrive at one end."""
        end.heard_anything = True
        end.note(end.channel.feed(data, self.now))
        self._collect()

    def carry(self) -> None:
        """Everything on its way arrives, and so does what it causes."""
        patience = 10_000
        while self.to_reader or self.to_host:
            patience -= 1
            assert patience, "the ends go on for ever"
            if self.to_reader:
                self.deliver(self.reader, self.to_reader.pop(0))
            if self.to_host:
                self.deliver(self.host, self.to_host.pop(0))

    def wait(self, ms: int, carry: bool = False) -> None:
        """Time passes; with `carry` the line works meanwhile."""
        for _ in range(0, ms, STEP_MS):
            self.now += STEP_MS
            for end in (self.host, self.reader):
                due = end.channel.due()
                if due is not None and due <= self.now:
                    end.note(end.channel.tick(self.now))
            self._collect()
            if carry:
                self.carry()

    def _collect(self) -> None:
        for end, line in ((self.host, self.to_reader), (self.reader, self.to_host)):
            out = end.channel.output()
            if out:
                end.talked_first |= not end.heard_anything and not end.host
                line.append(out)


def assert_streams_are_whole(world: World) -> None:
    """What one end received in a connection is the beginning of what the other sent in one connection."""
    for receiver, sender in ((world.host, world.reader), (world.reader, world.host)):
        for epoch in receiver.epochs:
            sent = [one.sent for one in sender.epochs]
            assert not epoch.received or any(one.startswith(epoch.received) for one in sent)


def connected() -> World:
    """Both ends, at the beginning of a session."""
    world = World()
    world.carry()
    assert world.host.connected
    assert world.reader.connected
    return world


def frames(line: list[bytes]) -> list[Frame]:
    """What lies on a line, which is then empty."""
    deframer = Deframer(cobs)
    found = [one for piece in line for one in deframer.feed(piece)]
    line.clear()
    return found
