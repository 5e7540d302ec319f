"""A reader that is to be paired, a line, and a host that a test makes lie."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.link.enrolment import Comparing, Enrolment, News
from firmware.link.state import open_journal, open_keys
from firmware.wire import cobs, enrolment
from firmware.wire.channel import PAIRING, RECEIVED, Channel
from firmware.wire.enrolment import Steps
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase

DEVICE = "READER-0001"


class Reader:
    """A reader that is not paired, and what it tells."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.keys = open_keys(state)
        self.journal = open_journal(state, paired=False)
        self.news: list[News] = []
        self.end = Enrolment(self.keys, self.journal, cobs, os.urandom, self.news.append)

    @property
    def code(self) -> str:
        shown = self.news[-1]
        assert isinstance(shown, Comparing)
        return shown.code

    def is_paired(self) -> bool:
        """As the next program on this state sees it."""
        return open_keys(self.state).local() is not None


class Line:
    """The cable between a reader and a host, with time of its own."""

    def __init__(self, reader: Reader, host: "Pairing | Steps", now: int = 5_000_000) -> None:
        self.now = now
        self.reader = reader
        self.host = host
        self.heard: list[tuple[int, int, bytes]] = []
        reader.end.start(self.now)
        host.start(self.now)

    def wait(self, ms: int = 0) -> None:
        end = self.now + ms
        while True:
            self.carry()
            if self.now >= end:
                return
            dues = [at for at in (self.reader.end.due(), self.host.due()) if at is not None and at > self.now]
            self.now = min([end, *dues])

    def carry(self) -> None:
        quiet = False
        while not quiet:
            self.heard += self.host.tick(self.now) or []
            self.reader.end.tick(self.now)
            to_reader, to_host = self.host.output(), self.reader.end.output()
            self.reader.end.feed(to_reader, self.now)
            self.heard += self.host.feed(to_host, self.now) or []
            quiet = not to_reader and not to_host

    def cut(self) -> None:
        self.reader.end.gone("port_gone", self.now)


def makers(state: Path) -> Makers:
    return Makers(state / "identity" / "maker_root.pem", state / "identity" / "maker_revoked.pem")


def met(reader: Reader, bridge: BridgeIdentity, now: int = 5_000_000) -> tuple[Line, Pairing]:
    """As far as the code on both sides."""
    host = Pairing(bridge, makers(reader.state), cobs)
    line = Line(reader, host, now)
    line.wait(100)
    assert host.phase is Phase.CODE
    return line, host


class Forged:
    """A host that says what it likes, in the order it likes."""

    def __init__(self, bridge: BridgeIdentity) -> None:
        self.bridge = bridge
        self.nonce = os.urandom(32)
        self.steps = Steps(Channel(True, os.urandom, PAIRING, cobs))

    def greet(self, line: Line, authority: bytes | None = None) -> None:
        line.wait(100)
        hello = enrolment.pack_hello(authority or self.bridge.authority, enrolment.commitment(self.nonce))
        self.steps.send(enrolment.HELLO, hello, line.now)
        line.wait(100)

    def say(self, line: Line, step: int, body: bytes = b"") -> None:
        self.steps.send(step, body, line.now)
        line.wait(100)

    def request(self, line: Line) -> bytes:
        body = next(body for kind, step, body in line.heard if kind == RECEIVED and step == enrolment.IDENTITY)
        return enrolment.unpack_identity(body)[1]


def reason(line: Line) -> str:
    """The last word of the reader to its host."""
    kind, step, body = line.heard[-1]
    assert (kind, step) == (RECEIVED, enrolment.REFUSED), line.heard[-1][:2]
    return enrolment.unpack_reason(body)


def issued(bridge: BridgeIdentity, request: bytes) -> bytes:
    key = x509.load_der_x509_csr(request).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    maker = x509.load_der_x509_certificate(bridge.authority)  # any will do
    return bridge.devices.pair(DEVICE, key, maker, timedelta(days=30), datetime.now(UTC))
