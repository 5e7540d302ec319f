"""What the link's rig is made of: a paired facility, both programs, their disks, and the lanes between them."""

import hashlib
import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visit_samples import FACILITY_KEY, Authority, Card

from board.demo.pair import pair
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.flows.signer import Device, TokenSigner
from firmware.link.conversation import Conversation, Question
from firmware.link.journal import Journal as ReaderJournal
from firmware.link.state import journal_file, open_keys
from firmware.policy import FacilityKind
from host_bridge.desk import Desk, Site
from host_bridge.eligibility_simulator import EligibilitySimulator
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.journal import Journal as BridgeJournal
from host_bridge.keys import Seal
from host_bridge.session import Session
from host_bridge.verify import Trust

if TYPE_CHECKING:
    from link_rig import LinkRig

SERIAL = "READER-0001"
DEVICE = Device(b"test maker 00016", b"virtual reader", True, bytes(32), bytes(range(32)))
FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""Where files go: programs are killed here, no machine loses its power, so a disk that waits for none will do."""


@dataclass(frozen=True)
class Paired:
    """A facility with a reader that is paired, made once; each rig works on a copy."""

    files: tempfile.TemporaryDirectory[str]
    """Goes with the program."""
    authority: Authority
    card: Card

    @property
    def folder(self) -> Path:
        return Path(self.files.name)


@cache
def site() -> Paired:
    """Made when it is first asked for."""
    files = tempfile.TemporaryDirectory(prefix="site-", dir=FAST)
    folder = Path(files.name)
    identity = create_bridge(folder / "identity")
    make_device(folder / "state" / "identity", SERIAL)
    pair(identity, folder / "state")
    authority, today = Authority(), int(time.time())
    made = Paired(files, authority, Card(authority, since=today - 100 * 86400, until=today + 900 * 86400))
    (folder / "people.json").write_text(json.dumps({"people": [person(made.card)], "revoked": []}))
    return made


def person(card: Card) -> dict[str, Any]:
    """The holder of a card, as the eligibility simulator knows them."""
    key = hashlib.sha256(card.certificate).hexdigest()
    return {"certificate": key, "registered": True, "validity": 1, "results": []}


@dataclass
class Disk:
    """What one side writes to. `limit`: no file grows beyond so many bytes; the kernel refuses it."""

    limit: int | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        if self.limit is None:
            yield
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass
class Visit:
    """A visit as the reader's program goes through it; a question is given up after its limit."""

    cti: bytes
    consents: dict[int, bool]
    opened: Question
    until: int
    judged: Question | None = None
    judged_until: int = 0

    @property
    def nonce(self) -> bytes | None:
        answer = self.opened.answer
        return answer.result() if answer.done() and answer.exception() is None else None


class ReaderEnd:
    """The reader's program."""

    def __init__(self, rig: "LinkRig") -> None:
        self._rig = rig
        self.keys = open_keys(rig.reader_files)
        self.journal = ReaderJournal(journal_file(rig.reader_files))
        self.conversation = Conversation(self.keys, self.journal, codec(), rig.chance, rig.reader_says, demo=True)
        self.signer = TokenSigner(self.keys, DEVICE, self.journal)
        self.visits: list[Visit] = []


class HostEnd:
    """The bridge's program."""

    def __init__(self, rig: "LinkRig") -> None:
        self.identity = BridgeIdentity.load(rig.folder / "identity")
        self.journal = BridgeJournal(rig.host_files / "journal.db")
        authority = self.identity.denylist.authority
        log = open_log(io.StringIO(), rig.host_events.append)
        self.desk = Desk(
            self.journal,
            Seal(bytes(32)),
            self.identity.record_key,
            Trust(
                self.identity.bridge_id,
                authority,
                site().authority.anchors(),
                FACILITY_KEY,
                True,
                self.identity.denylist,
            ),
            Site(FacilityKind.MEDICAL, False),
            EligibilitySimulator(rig.folder / "people.json"),
            log,
            lambda: None,
            clock=rig.wall_clock,
            monotonic=lambda: rig.now / 1000,
        )
        self.session = Session(self.identity, self.desk, log, codec(), rig.chance)


@dataclass
class Lane:
    """One direction of the line."""

    waiting: list[bytes] = field(default_factory=list)
    passed: list[bytes] = field(default_factory=list)
    """The last pieces that went through."""
    faults: list[tuple[str, int, int]] = field(default_factory=list)
    """What happens to the next pieces: (kind, where in 0..999, value)."""

    def put(self, data: bytes, other: "Lane") -> None:
        self.passed = [*self.passed[-30:], data]
        pieces = [data]
        if self.faults:
            pieces = self._spoil(data, other, *self.faults.pop(0))
        self.waiting.extend(piece for piece in pieces if piece)

    def _spoil(self, data: bytes, other: "Lane", kind: str, where: int, value: int) -> list[bytes]:
        at = where * len(data) // 1000
        match kind:
            case "flip":
                return [data[:at] + bytes([data[at] ^ (value or 1)]) + data[at + 1 :]]
            case "drop":
                return []
            case "cut":
                return [data[:at]]
            case "lose":
                return [data[:at] + data[at + 1 + value % 8 :]]
            case "twice":
                return [data, data]
            case "invent":
                return [data[:at] + bytes([value]) * (1 + where % 5) + data[at:]]
            case "reflect":
                other.waiting.append(data)
                return [data]
            case "stale":
                return [self.passed[where % len(self.passed)], data]
            case "crossed":  # what the other end sent some time ago comes back to it
                return [data, other.passed[where % len(other.passed)]] if other.passed else [data]
            case "splice":
                old = self.passed[where % len(self.passed)]
                return [data[:at] + old[value * len(old) // 256 :], data]
        raise ValueError(kind)


FAULTS = ("flip", "drop", "cut", "lose", "twice", "invent", "reflect", "stale", "crossed", "splice")
