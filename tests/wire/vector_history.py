"""Two ends of a line, and all that their channels are told and write.

A history is a list of calls of two channels, in order: what each is told, and what it writes.

    at      milliseconds
    end     host or reader
    do      start; tick; drop (reason); send (bytes that the channel is to carry); write (bytes onto the line);
            hear (of: the number of the call that wrote it, counted from 0; or bytes that nobody wrote so)
    gives   what the end is told, where anything: connected, lost and the reason
"""

from collections.abc import Callable
from typing import Any

from firmware.wire import channel as ch
from firmware.wire import cobs

Json = dict[str, Any]


class Recorded:
    """A channel whose calls are written down."""

    def __init__(self, history: "History", end: str, purpose: int) -> None:
        self._history, self._end = history, end
        self._channel = ch.Channel(end == "host", self._urandom, purpose, cobs)
        self.hearing: int | None = None
        """The call that wrote what comes next; None where it comes from nowhere."""

    def start(self, now: int) -> None:
        self._channel.start(now)
        self._note("start", [])

    def feed(self, data: bytes, now: int) -> list[tuple[int, bytes, int]]:
        source = {"bytes": data.hex()} if self.hearing is None else {"of": self.hearing}
        return self._note("hear", self._channel.feed(data, now), **source)

    def tick(self, now: int) -> list[tuple[int, bytes, int]]:
        return self._note("tick", self._channel.tick(now))

    def due(self) -> int | None:
        return self._channel.due()

    def send(self, data: bytes, now: int) -> None:
        if data:
            self._channel.send(data, now)
            self._note("send", [], bytes=data.hex())

    def drop(self, reason: int, now: int) -> None:
        self._channel.drop(reason, now)
        self._note("drop", [], reason=reason)

    def output(self) -> bytes:
        """Nothing: it is on the line already."""
        return b""

    def _note(self, do: str, events: list[tuple[int, bytes, int]], **more: Any) -> list[tuple[int, bytes, int]]:
        gives = [
            "connected" if kind == ch.CONNECTED else f"lost {reason}"
            for kind, _, reason in events
            if kind != ch.RECEIVED
        ]
        if gives:
            more["gives"] = gives
        self._history.note(self._end, do, more)
        if out := self._channel.output():
            self._history.write(self._end, out)
        return events

    def _urandom(self, size: int) -> bytes:
        taken = self._history.luck(size)
        self._history.random[self._end].append(taken.hex())
        return taken


class History:
    """Two ends of a line, and all that their channels are told and write."""

    def __init__(self, luck: Callable[[int], bytes], host: int = ch.SESSION, reader: int = ch.SESSION) -> None:
        self.luck = luck
        self.now = 0
        self.random: dict[str, list[str]] = {"host": [], "reader": []}
        self.line: dict[str, list[int]] = {"host": [], "reader": []}
        """Numbers of the calls that wrote what is on its way to each end."""
        self.happened: dict[str, list[Any]] = {"host": [], "reader": []}
        self._purposes = {"host": host, "reader": reader}
        self._calls: list[Json] = []
        self.channels = {end: Recorded(self, end, purpose) for end, purpose in self._purposes.items()}
        self.ends: dict[str, Any] = dict(self.channels)
        """What stands on the channels, where that is more than themselves."""

    def note(self, end: str, do: str, more: Json) -> None:
        self._calls.append({"at": self.now, "end": end, "do": do} | more)

    def write(self, end: str, out: bytes) -> None:
        self.line["reader" if end == "host" else "host"].append(len(self._calls))
        self.note(end, "write", {"bytes": out.hex()})

    def start(self, *ends: str) -> None:
        """The line is opened."""
        for end in ends or ("reader", "host"):
            self.ends[end].start(self.now)
            self.tick(end)

    def tick(self, end: str) -> None:
        self.happened[end] += self.ends[end].tick(self.now)

    def restart(self, end: str) -> None:
        """The program at this end begins anew."""
        self.channels[end] = self.ends[end] = Recorded(self, end, self._purposes[end])
        self.start(end)

    def written(self, call: int) -> bytes:
        return bytes.fromhex(self._calls[call]["bytes"])

    def hear(self, end: str, call: int) -> None:
        """What the other end wrote in that call arrives."""
        self.channels[end].hearing = call
        self.happened[end] += self.ends[end].feed(self.written(call), self.now)

    def hear_noise(self, end: str, noise: bytes) -> None:
        self.channels[end].hearing = None
        self.happened[end] += self.ends[end].feed(noise, self.now)

    def carry(self) -> None:
        """All that is on its way arrives, and what it causes."""
        while any(self.line.values()):
            for end, waiting in self.line.items():
                if waiting:
                    self.hear(end, waiting.pop(0))

    def lose(self, end: str) -> None:
        """What is on its way to this end does not arrive."""
        self.line[end].clear()

    def wait(self, *ends: str) -> None:
        """Until something is due at one of these ends."""
        due = {end: self.channels[end].due() for end in ends or ("host", "reader")}
        self.now = min(at for at in due.values() if at is not None)
        for end, at in due.items():
            if at is not None and at <= self.now:
                self.tick(end)

    def json(self, name: str) -> Json:
        """For the file."""
        names = {ch.SESSION: "SESSION", ch.PAIRING: "PAIRING"}
        purposes = {end: names[purpose] for end, purpose in self._purposes.items()}
        return {"name": name, "purposes": purposes, "random": self.random, "calls": self._calls}
