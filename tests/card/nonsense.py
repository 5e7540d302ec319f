"""A card whose answers become nonsense on the way, and every kind of nonsense."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from board.contracts import CardFault, CardGone
from board.sim.card.chip import VirtualCard
from firmware.card.apdu import SW, Ins

MOST_COMMANDS = 600
"""A card that says "more" for ever is asked 256 times by the first way of asking, and as often by the second."""


@dataclass(frozen=True)
class Nonsense:
    """What arrives in place of the right answer."""

    name: str
    answer: Callable[[bytes], bytes]
    """Made from the right answer; it may raise what a session may raise."""
    lasting: bool = False
    """For all commands that follow, too."""
    lost: bool = False
    """The card never sees the command."""


@dataclass
class Disturbed:
    """A card of which one answer, or each from one on, is nonsense. Implements CardSession."""

    card: VirtualCard
    extended: bool
    nonsense: Nonsense | None = None
    first: int = 0
    """The command, counted from 0, whose answer it is."""
    atr: bytes = b""
    sent: list[bytes] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    """Status words that VERIFY was answered with in place of the right ones."""

    def transmit(self, apdu: bytes) -> bytes:
        assert len(self.sent) < MOST_COMMANDS, "the card is never given up"
        number = len(self.sent)
        self.sent.append(apdu)
        nonsense = self.nonsense
        if nonsense is None or number < self.first or (number > self.first and not nonsense.lasting):
            return self.card.transmit(apdu)
        answer = nonsense.answer(b"" if nonsense.lost else self.card.transmit(apdu))
        if apdu[1] == Ins.VERIFY:
            self.told.add(int.from_bytes(answer[-2:], "big"))
        return answer

    def close(self) -> None:
        self.card.power_off()

    def presented(self) -> list[bytes]:
        """What each VERIFY carried, of those that carried something."""
        return [apdu[5:] for apdu in self.sent if apdu[1] == Ins.VERIFY and len(apdu) > 5]


def every_kind() -> Iterator[Nonsense]:
    """Some hundreds."""
    for sw in status_words():
        yield Nonsense(f"{sw.hex()} alone", lambda right, sw=sw: sw)
        yield Nonsense(f"{sw.hex()} after the data", lambda right, sw=sw: right[:-2] + sw)
    for sw in map(bytes.fromhex, ("9000", "6282", "63C3", "6A86", "6F00")):
        yield Nonsense(f"{sw.hex()} without the card", lambda right, sw=sw: sw, lost=True)
    for sw in map(bytes.fromhex, ("6100", "6101", "61FF", "6C00", "6C01", "6CFF", "6982", "6F00", "9000")):
        for size in (0, 1, 64, 256):
            name = f"{size} bytes and {sw.hex()} for ever"
            yield Nonsense(name, lambda right, sw=sw, size=size: bytes(size) + sw, lasting=True)
    for size in (0, 1, 65_539):
        for lasting in (False, True):
            yield Nonsense(f"{size} bytes, lasting {lasting}", lambda right, size=size: bytes(size), lasting)
    for size in (1, 256, 40_000):
        yield Nonsense(f"{size} bytes too many", lambda right, size=size: right[:-2] + bytes(size) + right[-2:])
    for size in (0, 1, 2, 3, 4, 5, 63, 64):
        yield Nonsense(f"{size} bytes of the data", lambda right, size=size: right[:-2][:size] + right[-2:])
    for byte in (b"\x00", b"\xff"):
        yield Nonsense(f"{byte.hex()} as data", lambda right, byte=byte: byte * (len(right) - 2) + right[-2:])
        yield Nonsense(
            f"{byte.hex()} as data for ever", lambda right, byte=byte: byte * 251 + b"\x90\x00", lasting=True
        )
    for at in range(16):  # tags and lengths of what is read
        for byte in map(bytes.fromhex, ("00", "01", "1F", "7F", "80", "81", "82", "83", "84", "FF")):
            yield Nonsense(f"{byte.hex()} at {at}", lambda right, at=at, byte=byte: changed(right, at, byte))
    for error in (CardGone(), CardFault("exchange failed")):
        yield Nonsense(repr(error), lambda right, error=error: raising(error))


def status_words() -> list[bytes]:
    """Every first byte, every word the library knows, every count of tries, several lengths."""
    words = {first << 8 for first in range(0x100)} | {*range(0x63C0, 0x63D0), *SW}
    words |= {first << 8 | second for first in (0x61, 0x6C, 0x63, 0x90, 0xFF) for second in (0x01, 0x20, 0xFB, 0xFF)}
    return [word.to_bytes(2, "big") for word in sorted(words)]


def changed(right: bytes, at: int, byte: bytes) -> bytes:
    """With another byte in its data, where they are so long."""
    return right[:at] + byte + right[at + 1 :] if at < len(right) - 2 else right


def raising(error: Exception) -> bytes:
    raise error
