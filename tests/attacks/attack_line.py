"""A line that an attacker holds, and ends of it that say what a test wants."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware.cobs import codec
from firmware.link.pump import End
from firmware.wire.channel import SESSION, Channel
from firmware.wire.tls import Lost, MakeTls, Received, SecureChannel, Secured
from host_bridge.session import Session

Tamper = Callable[[bytes], list[bytes]]
"""What the line makes of one piece."""


@dataclass
class Line:
    """Two ends joined in memory, with a time of their own. What it makes of the bytes is up to the test."""

    host: End | Session
    reader: End | Session
    now: int = 1000
    to_reader: Tamper = lambda data: [data]
    to_host: Tamper = lambda data: [data]
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    """(to whom, what), as it was sent."""

    def __post_init__(self) -> None:
        self.reader.start(self.now)
        self.host.start(self.now)

    def run(self, ms: int, until: Callable[[], object] = lambda: False) -> None:
        """Time passes, until `until` holds."""
        end = self.now + ms
        while self.now < end and not until():
            self.host.tick(self.now)
            self.reader.tick(self.now)
            self.carry()
            self.now += 10

    def carry(self) -> None:
        """What is on its way arrives, and what it causes."""
        moved = True
        while moved:
            moved = False
            for whom, source, target, tamper in (
                ("reader", self.host, self.reader, self.to_reader),
                ("host", self.reader, self.host, self.to_host),
            ):
                if data := source.output():
                    moved = True
                    self.seen.append((whom, data))
                    for piece in tamper(data):
                        target.feed(piece, self.now)
            self.host.tick(self.now)

    def inject(self, whom: str, data: bytes) -> None:
        """Somebody on the cable writes to one end."""
        (self.reader if whom == "reader" else self.host).feed(data, self.now)
        self.carry()


Reply = tuple[int, int, bytes]
"""Kind, request id, body."""


class Impostor:
    """An end of the link that says what a test wants. `heard`: what it was told."""

    def __init__(self, tls: MakeTls, *, host: bool) -> None:
        self._line = SecureChannel(Channel(host, os.urandom, SESSION, codec()), tls)
        self.secured = 0
        self.lost: list[str] = []
        self.heard: list[Received] = []
        self.greeting: list[Reply] = []
        """Said once the handshake is done."""
        self.answers: dict[int, Callable[[Received], list[Reply]]] = {}
        """What it says to a question of a kind."""

    def start(self, now: int) -> None:
        self._line.start(now)

    def gone(self, reason: str, now: int) -> None:
        self._line.start(now)

    def feed(self, data: bytes, now: int) -> None:
        for event in self._line.feed(data, now):
            self._follow(event, now)

    def tick(self, now: int) -> None:
        for event in self._line.tick(now):
            self._follow(event, now)

    def due(self) -> int | None:
        return self._line.due()

    def output(self) -> bytes:
        return self._line.output()

    def say(self, reply: Reply, now: int) -> None:
        self._line.send(*reply, now)

    def _follow(self, event: Secured | Received | Lost, now: int) -> None:
        if isinstance(event, Lost):
            self.lost.append(event.reason)
            return
        if isinstance(event, Secured):
            self.secured += 1
            replies = self.greeting
        else:
            self.heard.append(event)
            replies = self.answers.get(event.kind, lambda _: [])(event)
        for reply in replies:
            self.say(reply, now)


def as_host(certificate: Path | None, key: Path | None = None, version: ssl.TLSVersion | None = None) -> Impostor:
    """A PC with this certificate, which takes any reader."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return Impostor(lambda incoming, outgoing: context.wrap_bio(incoming, outgoing, server_side=False), host=True)


def as_reader(certificate: Path, key: Path | None = None) -> Impostor:
    """A device with this certificate, which takes any PC."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Impostor(lambda incoming, outgoing: context.wrap_bio(incoming, outgoing, server_side=True), host=False)
