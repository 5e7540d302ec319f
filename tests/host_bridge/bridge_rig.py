"""A bridge with its reader and card, as tests drive it."""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from visit_samples import BRIDGE_ID, FACILITY_KEY, NOW, PERSON, Card, Reader, World, claims_of

from firmware.policy import Facility, FacilityKind
from firmware.token import evidence
from firmware.token.claims import Method
from firmware.token.cose import sign_token
from firmware.token.evidence import Evidence, binding
from firmware.token.record import new_sealing_key, seal
from host_bridge.courier import Courier
from host_bridge.denylist import Denylist
from host_bridge.desk import Desk, Site
from host_bridge.eligibility import (
    CertificateStatus,
    Eligibility,
    EligibilityUnavailable,
    Prescription,
    Qualification,
    QualificationValidity,
)
from host_bridge.events import open_log
from host_bridge.journal import Journal
from host_bridge.keys import Seal
from host_bridge.outlets.face_folder import FaceFolder
from host_bridge.recall import recall
from host_bridge.reception import Reception
from host_bridge.verify import Trust

INSTITUTION = "1312345670"

CONFIG = """
institution_code = "1312345670"
facility = "dental"
demo = true
prescriptions = true
maker_roots = "maker_root.pem"
maker_revoked = "maker_revoked.pem"
state = "state"
identity = "identity"
authority = "authority"
face = "oqs/face"
work = "oqs/work"
index = "oqs/index"
people = "people.json"
port = "terminal"
window = 0
"""


def config(tmp_path: Path, text: str) -> Path:
    """A configuration file with this text."""
    file = tmp_path / "bridge.toml"
    file.write_text(text)
    return file


RECORD_KEY, SEALING_KEY = new_sealing_key()


@dataclass
class System:
    """An eligibility system that answers as it is told. Implements Eligibility."""

    answer: Qualification | None = None
    """None: it cannot be asked about anybody."""
    status: CertificateStatus | None = CertificateStatus.GOOD
    """None: it cannot be asked about certificates."""
    issued: tuple[Prescription, ...] = ()
    in_disaster: bool | None = False
    """None: it cannot be asked about itself."""
    code: str | None = None
    known: frozenset[bytes] | None = None
    """Certificates of which anything is known; None: of all."""
    revoked: frozenset[int] = frozenset()

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        if serial in self.revoked:
            return CertificateStatus.REVOKED
        return _told(self.status) if self._knows(certificate_sha256) else CertificateStatus.UNKNOWN

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        none = Qualification(False, QualificationValidity.NONE, ())
        return _told(self.answer) if self._knows(certificate_sha256) else none

    def prescriptions(self, certificate_sha256: bytes) -> tuple[Prescription, ...]:
        return self.issued

    def disaster(self) -> bool:
        return _told(self.in_disaster)

    def passcode(self) -> str | None:
        return self.code

    def _knows(self, certificate_sha256: bytes) -> bool:
        return self.known is None or certificate_sha256 in self.known


T = TypeVar("T")


def _told(answer: T | None) -> T:
    if answer is None:
        raise EligibilityUnavailable
    return answer


def valid(registered: bool = True) -> Qualification:
    return Qualification(registered, QualificationValidity.VALID, (PERSON,))


@dataclass
class Delivery:
    """What a reader hands over at the end of a visit."""

    token: bytes
    evidence: bytes
    cti: bytes

    @property
    def sealed(self) -> bytes:
        return seal(SEALING_KEY, BRIDGE_ID, self.token, self.evidence)


@dataclass
class Bridge:
    """A bridge on disk that can be stopped and opened again; its reader and card come from `world`."""

    folder: Path
    world: World
    demo: bool = True
    now: float = NOW
    revoked: frozenset[int] = frozenset()
    prescriptions: bool = True
    monotonic: float = 0.0
    log: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.denylist = Denylist(self.folder / "denied.pem", self.world.facility.ca)
        self.denylist.create(self.world.facility.key, self.moment())
        self.open()

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def deny(self, device_id: str) -> None:
        self.denylist.add(device_id, (), self.world.facility.key, self.moment())

    def open(self, eligibility: Eligibility | None = None) -> None:
        world = self.world
        oqs = self.folder / "oqs"
        self.files = FaceFolder.prepare(oqs / "face", oqs / "work", oqs / "index")
        self.reception = Reception(self.files, clock=lambda: self.now)
        log = open_log(self.log, self.reception.heard)
        trust = Trust(BRIDGE_ID, world.facility.ca, world.authority.anchors(), FACILITY_KEY, self.demo, self.denylist)
        key = world.card.x509.fingerprint(SHA256())
        eligibility = eligibility or System(valid(), known=frozenset({key}), revoked=self.revoked)
        seal = Seal(bytes(32))
        self.journal = Journal(self.folder / "journal.db")
        facility = Facility(FacilityKind.MEDICAL)
        self.reception.remember(recall(self.journal, self.files, facility, BRIDGE_ID, int(self.now)))
        self.courier = Courier(
            self.journal,
            seal,
            eligibility,
            self.files,
            INSTITUTION,
            facility,
            BRIDGE_ID,
            self.reception,
            log,
            clock=lambda: self.now,
        )
        self.desk = Desk(
            self.journal,
            seal,
            RECORD_KEY,
            trust,
            Site(facility.kind, self.prescriptions),
            eligibility,
            log,
            self.courier.call,
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
        )

    def kill(self, eligibility: Eligibility | None = None) -> None:
        """What is not on disk is gone; the bridge starts again."""
        self.journal.close()
        self.open(eligibility)

    def visit(
        self,
        *,
        method: Method = Method.PIN,
        card: Card | None = None,
        reader: Reader | None = None,
        nonce: bytes | None = None,
        cti: bytes = b"visit 0000000001",
        proof: Evidence | None = None,
        **claims: Any,
    ) -> Delivery:
        """A whole visit up to delivery; whatever is given replaces the honest part."""
        card, reader = card or self.world.card, reader or self.world.reader
        nonce = nonce or self.desk.open_visit(reader.device_id)
        world = World(self.world.authority, card, self.world.facility, reader)
        consents = claims.get("consents", {1: True, 2: False})
        bound = binding(BRIDGE_ID, nonce, cti, consents, method)
        if proof is None:
            proof = card.pin_evidence(bound) if method is Method.PIN else card.face_evidence(bound)
        message = evidence.encode(proof)
        said = claims_of(world, message, method=method, cti=cti, **claims)
        return Delivery(sign_token(said, BRIDGE_ID, nonce, reader.sign, reader.certificate), message, cti)

    def deliver(self, delivery: Delivery, reader: Reader | None = None) -> str | None:
        """None where the token was accepted, else the reason."""
        chain = (reader or self.world.reader).chain
        receipt = self.desk.accept(chain, delivery.sealed)
        assert receipt.cti == delivery.cti
        assert receipt.accepted == (receipt.refusal is None)
        return receipt.refusal

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line for line in lines if name in (None, line["event"])]

    def face_files(self) -> list[Path]:
        return sorted(self.files.face.iterdir())
