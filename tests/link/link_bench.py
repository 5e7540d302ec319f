"""A reader and a bridge joined by a virtual cable, with a desk that only remembers."""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from board.contracts import KeyStore, LocalIdentity
from board.demo.cable import Cable
from board.demo.pair import pair as pair_state
from board.linux.serial import SerialHostPort
from firmware.cobs import codec
from firmware.link.answers import Receipt as ReaderReceipt
from firmware.link.journal import Journal
from firmware.link.keys import FileKeyStore
from firmware.link.link import Link
from firmware.link.state import journal_file, open_keys
from firmware.policy import FacilityKind
from firmware.token.record import open_record, seal
from firmware.token.refusal import TokenRefused
from host_bridge.desk import Receipt, Settings, Standing
from host_bridge.devices import LOCAL_IDENTITY_LIFE
from host_bridge.eligibility import CertificateStatus, Prescription, QualificationValidity
from host_bridge.identity import BridgeIdentity
from host_bridge.passcode import Checked, Verdict
from host_bridge.session import serve

PATIENCE_S = 15.0
SERIAL = "READER-0001"
NOW = int(time.time())


class DiskFull(Exception):
    pass


class Heard:
    """Events of either side; any thread may tell it, the test waits."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def tell(self, name: str, **facts: object) -> None:
        self.events.append((name, facts))
        self._loop.call_soon_threadsafe(self._news.set)

    info = warning = tell

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    async def until(self, name: str, since: int = 0, **facts: object) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not any(one == name and facts.items() <= told.items() for one, told in self.events[since:]):
                self._news.clear()
                await self._news.wait()


@dataclass
class MemoryDesk:
    """The desk's double: stores each token once, as a journal would; its lists outlive a bridge that is restarted."""

    identity: BridgeIdentity
    heard: Heard
    bridge_id: bytes
    accepted: list[bytes] = field(default_factory=list)
    """Every token handed in, repeated ones too."""
    stored: list[bytes] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    chains: list[list[bytes]] = field(default_factory=list)
    refuse: str | None = None
    full_times: int = 0
    demo: bool = True
    now: int = NOW

    def settings(self) -> Settings:
        return Settings(
            self.bridge_id,
            bytes(range(32)),
            self.identity.sealing_key,
            FacilityKind.MEDICAL,
            demo=self.demo,
            disaster=False,
            prescriptions=True,
            staff_check=True,
            now=self.now,
        )

    def open_visit(self, device_id: str) -> bytes:
        return device_id.encode().ljust(32, b".")

    def identify(self, certificate: bytes) -> Standing:
        return Standing(True, QualificationValidity.VALID, consents=True, prescriptions=False)

    def certificate_status(self, certificate: bytes) -> CertificateStatus:
        return CertificateStatus.REVOKED if certificate == b"revoked" else CertificateStatus.GOOD

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]:
        return [Prescription(certificate_sha256.hex()[:8], "20261130", "見本内科")]

    def check_passcode(self, device_id: str, typed: str) -> Checked:
        return Checked(Verdict.RIGHT if typed == "2468" else Verdict.WRONG, 4)

    def accept(self, device_chain: Sequence[bytes], sealed: bytes) -> Receipt:
        if self.full_times:
            self.full_times -= 1
            raise DiskFull
        try:
            token, _ = open_record(self.identity.record_key, self.bridge_id, sealed)
        except TokenRefused as refused:
            return Receipt(bytes(16), False, refused.refusal)
        self.accepted.append(token)
        self.chains.append(list(device_chain))
        if self.refuse is None and token not in self.stored:
            self.stored.append(token)
        self.heard.tell("accepted")
        return Receipt(token[:16], self.refuse is None, self.refuse)

    def reception_called(self, device_id: str) -> None:
        self.called.append(device_id)


class Bridge:
    """The bridge's session in a thread."""

    def __init__(self, port: Path, identity: BridgeIdentity, desk: MemoryDesk) -> None:
        self._port = port
        self._identity = identity
        self._desk = desk
        self.heard = Heard()

    async def __aenter__(self) -> "Bridge":
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=serve, args=(self._port, self._identity, self._desk, self.heard, self._stop, codec())
        )
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join)


def pair(bridge: BridgeIdentity, reader: Path, life: timedelta = LOCAL_IDENTITY_LIFE) -> FileKeyStore:
    """Pair a reader that its simulated factory has made in `reader`/identity."""
    pair_state(bridge, reader, life)
    return open_keys(reader)


def local(keys: KeyStore) -> LocalIdentity:
    """The identity in use."""
    identity = keys.local()
    assert identity is not None
    return identity


def keep(journal: Journal, identity: BridgeIdentity, token: bytes, evidence: bytes = b"evidence") -> None:
    """Put a token into the journal; its first 16 bytes are its id."""
    sealed = seal(identity.sealing_key, identity.bridge_id, token, evidence)
    with journal.turn():
        journal.put(token[:16], journal.last()[0] + 1, hashlib.sha256(token).digest(), sealed)


@dataclass
class Bench:
    """Everything on the bench: plug it together as the test wants."""

    cable: Cable
    identity: BridgeIdentity
    state: Path
    keys: FileKeyStore
    desk: MemoryDesk

    def bridge(self, identity: BridgeIdentity | None = None) -> Bridge:
        return Bridge(self.cable.terminal, identity or self.identity, self.desk)

    @asynccontextmanager
    async def reader(self, heard: Heard, keys: KeyStore | None = None, *, demo: bool = True) -> AsyncIterator["Reader"]:
        """A reader that is switched on, and off again at the end."""
        journal = Journal(journal_file(self.state))
        port = SerialHostPort(self.cable.reader)
        try:
            async with Link(port, keys or self.keys, journal, codec(), heard.tell, demo=demo) as link:
                yield Reader(link, journal, self.identity)
        finally:
            journal.close()


@dataclass
class Reader:
    """A reader that is switched on."""

    link: Link
    journal: Journal
    identity: BridgeIdentity

    async def deliver(self, token: bytes, evidence: bytes = b"evidence") -> ReaderReceipt:
        """Keep a token, and wait for its receipt."""
        return await self.link.deliver(token[:16], lambda: keep(self.journal, self.identity, token, evidence))
