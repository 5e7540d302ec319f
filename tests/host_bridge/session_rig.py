"""A session of the bridge and a reader's end in memory, with time of their own."""

import io
import json
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pairing_rig import DEVICE, Device, Maker

from firmware.policy import FacilityKind
from firmware.wire import cobs, messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.tls import Lost, Received, SecureChannel, Secured
from host_bridge.certificates import key_pem
from host_bridge.clerk import Clerk
from host_bridge.desk import NoPasscode, Receipt, Settings, Standing
from host_bridge.eligibility import CertificateStatus, Prescription, QualificationValidity
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.passcode import Checked, Verdict
from host_bridge.session import Session

STEP_MS = 10
CTI = bytes(range(16))
ACCEPTED = Receipt(CTI, True, None)


class DiskFull(Exception):
    """The desk cannot store."""


@dataclass
class Desk:
    """Answers as it is told, and remembers what it was asked. Implements Answering."""

    told: Settings
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    receipt: Receipt | Exception = ACCEPTED
    listed: Sequence[Prescription] = ()
    takes_ms: int = 0
    """How long an answer takes."""
    clock_ms: int = 0
    """By how much the terminal's clock is ahead of the running time."""
    world: "SessionWorld | None" = None

    def settings(self) -> Settings:
        now = self.world.now if self.world is not None else 0
        return replace(self.told, now=self.told.now + (now + self.clock_ms) // 1000)

    def open_visit(self, device_id: str) -> bytes:
        self._take(("open_visit", device_id))
        return bytes(32)

    def identify(self, certificate: bytes) -> Standing:
        self._take(("identify", certificate))
        return Standing(True, QualificationValidity.SEVERAL, True, True)

    def certificate_status(self, certificate: bytes) -> CertificateStatus:
        self._take(("certificate_status", certificate))
        return CertificateStatus(certificate.decode())

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]:
        self._take(("prescriptions", certificate_sha256))
        return self.listed

    def check_passcode(self, device_id: str, typed: str) -> Checked:
        self._take(("check_passcode", device_id))
        if not typed:
            raise NoPasscode
        return Checked(Verdict.WRONG, 3)

    def accept(self, device_chain: Sequence[bytes], sealed: bytes) -> Receipt:
        self._take(("accept", tuple(device_chain), sealed))
        if isinstance(self.receipt, Exception):
            raise self.receipt
        return self.receipt

    def reception_called(self, device_id: str) -> None:
        self._take(("reception_called", device_id))

    def _take(self, asked: tuple[Any, ...]) -> None:
        self.asked.append(asked)
        if self.world is not None:
            self.world.now += self.takes_ms


class ReaderEnd:
    """A reader with one local identity, that says what a test tells it."""

    def __init__(self, folder: Path, certificate: bytes, device: Device, issuer: bytes) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "key.pem").write_bytes(key_pem(device.local_key))
        local = x509.load_der_x509_certificate(certificate)
        (folder / "chain.pem").write_bytes(local.public_bytes(Encoding.PEM))
        (folder / "issuer.pem").write_bytes(x509.load_der_x509_certificate(issuer).public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        context.load_verify_locations(folder / "issuer.pem")
        self.line = SecureChannel(
            Channel(False, os.urandom, SESSION, cobs),
            lambda incoming, outgoing: context.wrap_bio(incoming, outgoing, server_side=True),
        )
        self.line.start(0)
        self.settles = True
        """Whether it answers SETTINGS."""
        self.settings: list[tuple[int, bytes]] = []
        self.answers: list[Received] = []
        self.lost: list[str] = []
        self.secured = 0

    def feed(self, data: bytes, now: int) -> None:
        for event in [*self.line.feed(data, now), *self.line.tick(now)]:
            if isinstance(event, Lost):
                self.lost.append(event.reason)
            elif isinstance(event, Secured):
                self.secured += 1
            elif event.kind == messages.SETTINGS:
                self.settings.append((now, event.body))
                if self.settles:
                    self.line.send(messages.DONE, event.request, b"", now)
            else:
                self.answers.append(event)


@dataclass
class SessionWorld:
    """Both ends, and a line that can be cut, echo, or speak otherwise."""

    folder: Path
    now: int = 1000
    cut: bool = False
    noise: bytes = b""
    """What the device on the port says instead."""
    log: io.StringIO = field(default_factory=io.StringIO)
    clerk: Clerk | None = None

    def __post_init__(self) -> None:
        self.identity: BridgeIdentity = create_bridge(self.folder / "bridge")
        self.device = Device(Maker())
        self.desk = Desk(
            Settings(
                self.identity.bridge_id,
                bytes(32),
                self.identity.sealing_key,
                FacilityKind.DENTAL,
                demo=True,
                disaster=False,
                prescriptions=True,
                staff_check=False,
                now=1_800_000_000,
            ),
            world=self,
        )
        self.certificate = self.pair()
        self.reader = self.reader_with(self.certificate)
        self.session = Session(self.identity, self.desk, open_log(self.log), cobs, clerk=self.clerk)
        self.session.start(self.now)

    def pair(self, life: timedelta = timedelta(days=30), since: timedelta = timedelta()) -> bytes:
        key, now = self.device.local_key.public_key(), datetime.now(UTC) + since
        return self.identity.devices.pair(DEVICE, key, self.device.idevid, life, now)

    def reader_with(self, certificate: bytes) -> ReaderEnd:
        return ReaderEnd(self.folder / "reader", certificate, self.device, self.identity.authority)

    def pass_time(self, ms: int, step_ms: int = STEP_MS) -> None:
        end = self.now + ms
        while self.now < end:
            self.now += step_ms
            self.carry()

    def carry(self) -> None:
        """What is on its way arrives, and what is due is done."""
        to_reader, to_host = self.session.output(), self.reader.line.output()
        self.reader.feed(b"" if self.cut else to_reader, self.now)
        self.session.feed(self.noise or (b"" if self.cut else to_host), self.now)
        self.session.tick(self.now)

    def connected(self) -> "SessionWorld":
        while not self.events("link_up"):
            assert self.now < 20_000, self.log.getvalue()
            self.pass_time(STEP_MS)
        return self

    def ask(self, kind: int, body: bytes = b"", request: int = 7) -> Received:
        """The answer to a question."""
        before = len(self.reader.answers)
        self.reader.line.send(kind, request, body, self.now)
        end = self.now + 15_000
        while len(self.reader.answers) == before:
            assert self.now < end, self.log.getvalue()
            self.pass_time(STEP_MS)
        answer = self.reader.answers[-1]
        assert answer.request == request
        return answer

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == name]
