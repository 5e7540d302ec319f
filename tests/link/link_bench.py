"""A reader and a bridge joined by a virtual cable, with a desk that only remembers."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from board.contracts import KeyStore
from board.demo.cable import Cable
from board.linux.serial import SerialHostPort
from firmware.link.identity import install_identity, request_identity
from firmware.link.keys import FileKeyStore
from firmware.link.link import Link
from firmware.policy import FacilityKind
from host_bridge.desk import Receipt, Settings, Standing
from host_bridge.eligibility import CertificateStatus, QualificationValidity
from host_bridge.pairing import LOCAL_IDENTITY_LIFE, BridgeIdentity, issue_local_identity
from host_bridge.session import serve

PATIENCE_S = 15.0
SERIAL = "READER-0001"
NOW = 1_800_000_000


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

    info = tell

    async def until(self, name: str, since: int = 0, **facts: object) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not any(one == name and facts.items() <= told.items() for one, told in self.events[since:]):
                self._news.clear()
                await self._news.wait()


@dataclass
class MemoryDesk:
    """The desk's double: stores each token once, as a journal would; its lists outlive a bridge that is restarted."""

    bridge_id: bytes
    heard: Heard
    accepted: list[bytes] = field(default_factory=list)
    """Every token handed in, repeated ones too."""
    stored: list[bytes] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    chains: list[list[bytes]] = field(default_factory=list)
    refuse: str | None = None
    full_times: int = 0
    demo: bool = True

    def settings(self) -> Settings:
        return Settings(self.bridge_id, bytes(range(32)), FacilityKind.MEDICAL, self.demo, NOW)

    def open_visit(self, device_id: str) -> bytes:
        return device_id.encode().ljust(32, b".")

    def identify(self, certificate: bytes) -> Standing:
        status = CertificateStatus.REVOKED if certificate == b"revoked" else CertificateStatus.GOOD
        return Standing(True, status, QualificationValidity.VALID)

    def accept(self, device_chain: Sequence[bytes], token: bytes, evidence: bytes) -> Receipt:
        if self.full_times:
            self.full_times -= 1
            raise DiskFull
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
            target=serve, args=(self._port, self._identity, self._desk, self.heard, self._stop)
        )
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join)


def pair(bridge: BridgeIdentity, reader: Path, life: timedelta = LOCAL_IDENTITY_LIFE) -> FileKeyStore:
    """Pair a reader that its simulated factory has made."""
    roots = x509.load_pem_x509_certificates((reader / "maker_root.pem").read_bytes())
    install_identity(reader, issue_local_identity(bridge, request_identity(reader), roots, life))
    return FileKeyStore(reader)


@dataclass
class Bench:
    """Everything on the bench: plug it together as the test wants."""

    cable: Cable
    identity: BridgeIdentity
    keys: FileKeyStore
    desk: MemoryDesk

    def bridge(self, identity: BridgeIdentity | None = None) -> Bridge:
        return Bridge(self.cable.terminal, identity or self.identity, self.desk)

    def reader(self, heard: Heard, keys: KeyStore | None = None, *, demo: bool = True) -> Link:
        return Link(SerialHostPort(self.cable.reader), keys or self.keys, heard.tell, demo=demo)
