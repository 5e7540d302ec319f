"""The reception where a reader is to be paired, its maker, and ends that lie."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attack_line import Line
from attack_rig import DER, PEM
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from firmware.cobs import codec
from firmware.link.enrolment import Comparing, Enrolment, Failed, News, Paired
from firmware.link.journal import Journal
from firmware.link.keys import FileKeyStore
from firmware.link.state import journal_file
from firmware.wire.channel import PAIRING, RECEIVED, Channel
from firmware.wire.enrolment import Steps
from host_bridge.certificates import issue, key_pem, name
from host_bridge.identity import BridgeIdentity
from host_bridge.makers import Makers
from host_bridge.pairing import Pairing, Phase

NOW = datetime.now(UTC)
EVER = NOW + timedelta(days=9999)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


class Maker:
    """Who makes readers, and keeps a list of those that were stolen."""

    def __init__(self, folder: Path, called: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name("Maker", called)
        self.root = issue(self.name, self.key.public_key(), self.name, self.key, None, NOW, EVER)
        (folder / "roots.pem").write_bytes(self.root.public_bytes(PEM))
        self.publish()

    def publish(
        self,
        *stolen: bytes,
        key: ec.EllipticCurvePrivateKey | None = None,
        since: datetime = NOW - timedelta(days=1),
        until: datetime = EVER,
    ) -> None:
        """The list, with the readers of these IDevIDs (DER)."""
        listed = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(since).next_update(until)
        for one in stolen:
            number = x509.load_der_x509_certificate(one).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(since).build()
            listed = listed.add_revoked_certificate(entry)
        (self.folder / "revoked.pem").write_bytes(listed.sign(key or self.key, hashes.SHA256()).public_bytes(PEM))

    def make(self, state: Path, serial: str) -> Path:
        """A reader out of its factory."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = issue(name("Reader", serial), key.public_key(), self.name, self.key, CLIENT, NOW, EVER)
        folder = state / "identity" / "idevid"
        folder.mkdir(parents=True)
        (folder / "key.pem").write_bytes(key_pem(key))
        (folder / "chain.pem").write_bytes(made.public_bytes(PEM) + self.root.public_bytes(PEM))
        return state

    def makers(self) -> Makers:
        return Makers(self.folder / "roots.pem", self.folder / "revoked.pem")


@dataclass
class Device:
    """A genuine reader that is not paired."""

    state: Path
    news: list[News] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = FileKeyStore(self.state / "identity")
        self.journal = Journal.make(journal_file(self.state))
        self.end = Enrolment(self.keys, self.journal, codec(), os.urandom, self.news.append)

    def code(self) -> str:
        return [one.code for one in self.news if isinstance(one, Comparing)][-1]

    def failed(self) -> list[str]:
        return [one.reason for one in self.news if isinstance(one, Failed)]

    @property
    def idevid(self) -> bytes:
        return self.keys.maker_chain()[0]


Said = list[tuple[int, bytes]]


class Liar:
    """An end of pairing that says what a test wants."""

    def __init__(self, *, host: bool) -> None:
        self._steps = Steps(Channel(host, os.urandom, PAIRING, codec()))
        self.greeting: Said = []
        self.answers: dict[int, Callable[[bytes], Said | None]] = {}
        self.heard: dict[int, bytes] = {}
        self.later: Said = []
        """Said at the next tick."""

    def start(self, now: int) -> None:
        self._steps.start(now)

    def gone(self, reason: str, now: int) -> None:
        self._steps.start(now)

    def feed(self, data: bytes, now: int) -> None:
        self._follow(self._steps.feed(data, now), now)

    def tick(self, now: int) -> None:
        self._follow(self._steps.tick(now), now)
        while self.later:
            self._steps.send(*self.later.pop(0), now)

    def due(self) -> int | None:
        return self._steps.due()

    def output(self) -> bytes:
        return self._steps.output()

    def _follow(self, events: list[tuple[int, int, bytes]], now: int) -> None:
        for kind, step, body in events:
            said = self.greeting
            if kind == RECEIVED:
                self.heard[step] = body
                said = self.answers.get(step, lambda _: [])(body)
            for one in said or ():
                self._steps.send(*one, now)


@dataclass
class Hall:
    """The reception where a reader is to be paired."""

    folder: Path
    identity: BridgeIdentity
    maker: Maker
    device: Device

    def host(self, makers: Makers | None = None) -> Pairing:
        return Pairing(self.identity, makers or self.maker.makers(), codec())

    def refused(self, makers: Makers | None = None, reader: Device | Liar | None = None) -> str | None:
        """Why the genuine bridge ends it, before anybody has typed anything."""
        host = self.host(makers)
        Line(host, reader.end if isinstance(reader, Device) else reader or self.device.end).run(500)
        assert host.phase is Phase.REFUSED
        assert host.refused is not None
        self.nothing_was_issued()
        return host.refused.why

    def nothing_was_issued(self) -> None:
        assert list(self.identity.devices.folder.glob("*.pem")) == []
        assert self.device.keys.local() is None

    def pairs(self) -> None:
        """As it should be."""
        host, device = self.host(), self.device
        line = Line(host, device.end, now=10_000_000)
        line.run(500)
        assert host.phase is Phase.CODE
        assert host.type_code(device.code(), line.now)
        line.run(100)
        device.end.confirm(line.now)
        line.run(1000)
        assert host.phase is Phase.PAIRED
        assert device.news[-1] == Paired(self.identity.bridge_id.hex())
        local = device.keys.local()
        assert local is not None
        assert self.identity.devices.serving(local.chain()[0]) == "READER-0001"


def request_of(serial: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, serial)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(DER)
