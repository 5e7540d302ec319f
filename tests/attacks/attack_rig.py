"""A facility with readers that are paired, and whatever somebody dishonest needs: keys, tokens, ends of the link."""

import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attack_line import Impostor, as_host
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from link_ends import DEVICE, site
from visit_samples import FACILITY_KEY, TODAY, Card

from board.demo.pair import pair
from board.sim.keystore import make_device
from firmware.cobs import codec
from firmware.flows.signer import Device, Signing, TokenSigner
from firmware.link.conversation import Conversation
from firmware.link.journal import Journal as ReaderJournal
from firmware.link.keys import FileKeyStore
from firmware.link.state import journal_file, open_keys
from firmware.policy import FacilityKind
from firmware.token import cbor, evidence
from firmware.token.claims import FIRST, Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token
from firmware.token.evidence import Evidence, binding
from firmware.token.record import seal
from firmware.wire import messages
from host_bridge.certificates import issue, key_pem, name
from host_bridge.desk import Desk, Site
from host_bridge.eligibility_simulator import EligibilitySimulator
from host_bridge.events import open_log
from host_bridge.identity import BridgeIdentity, create_bridge
from host_bridge.journal import Journal as BridgeJournal
from host_bridge.keys import Seal
from host_bridge.session import Session
from host_bridge.verify import Trust

DAY = 86400
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


@dataclass
class Reader:
    """A reader that is paired, with its folder."""

    device_id: str
    state: Path
    keys: FileKeyStore
    counted: int = 0

    def sign(self, message: bytes) -> bytes:
        return self._local().sign(message)

    @property
    def chain(self) -> list[bytes]:
        return list(self._local().chain())

    def _local(self) -> Any:
        local = self.keys.local()
        assert local is not None
        return local

    def copy(self, folder: Path) -> "Reader":
        """What a thief who has copied its disk holds."""
        shutil.copytree(self.state, folder, symlinks=True)
        return Reader(self.device_id, folder, open_keys(folder))


@dataclass
class Delivery:
    """What a reader hands over at the end of a visit."""

    token: bytes
    evidence: bytes
    cti: bytes
    nonce: bytes


class Scene:
    """One bridge with its desk, and its readers."""

    def __init__(self, folder: Path, *, demo: bool = True) -> None:
        self.folder = folder
        self.demo = demo
        self.identity = create_bridge(folder / "bridge")
        shutil.copy(site().folder / "people.json", folder)
        self.people = folder / "people.json"
        self.card = site().card
        self.now = time.time()
        self.events: list[Any] = []
        self.journal = BridgeJournal(folder / "bridge.db")
        self.log = open_log(io.StringIO(), self.events.append)
        self.desk = self._desk()
        self.reader = self.pair("READER-0001")

    def _desk(self) -> Desk:
        identity = self.identity
        return Desk(
            self.journal,
            Seal(bytes(32)),
            identity.record_key,
            Trust(
                identity.bridge_id,
                identity.denylist.authority,
                site().authority.anchors(),
                FACILITY_KEY,
                self.demo,
                identity.denylist,
            ),
            Site(FacilityKind.MEDICAL, False),
            EligibilitySimulator(self.people),
            self.log,
            lambda: None,
            clock=lambda: self.now,
            monotonic=lambda: 0.0,
        )

    def pair(self, serial: str, life: timedelta = timedelta(days=30), identity: BridgeIdentity | None = None) -> Reader:
        """A new reader, or one that is paired anew: its factory, then its pairing."""
        state = self.folder / f"reader-{serial}-{os.urandom(3).hex()}"
        make_device(state / "identity", serial)
        pair(identity or self.identity, state, life)
        return Reader(serial, state, open_keys(state))

    def visit(
        self,
        reader: Reader | None = None,
        *,
        nonce: bytes | None = None,
        bridge_id: bytes | None = None,
        method: Method = Method.PIN,
        cti: bytes | None = None,
        card: Card | None = None,
        consents: Mapping[int, bool] | None = None,
        proof: Evidence | None = None,
        said: Callable[[Claims], Claims] = lambda claims: claims,
    ) -> Delivery:
        """A whole visit up to delivery; whatever is given replaces the honest part, `said` its claims."""
        reader, card = reader or self.reader, card or self.card
        bridge_id = bridge_id or self.identity.bridge_id
        nonce = nonce or self.desk.open_visit(reader.device_id)
        cti = cti or os.urandom(16)
        consents = {1: True, 2: False} if consents is None else consents
        bound = binding(bridge_id, nonce, cti, consents, method)
        if proof is None:
            proof = card.pin_evidence(bound) if method is Method.PIN else card.face_evidence(bound)
        message = evidence.encode(proof)
        reader.counted += 1
        claims = Claims(
            device_id=reader.device_id,
            cti=cti,
            issued_at=int(self.now),
            oemid=DEVICE.oemid,
            hwmodel=DEVICE.hwmodel,
            oemboot=False,
            debug=DebugStatus.ENABLED if self.demo else DebugStatus.DISABLED,
            firmware=DEVICE.firmware,
            face_model=DEVICE.face_model,
            method=method,
            consents=consents,
            policy_date=TODAY,
            evidence=hashlib.sha256(message).digest(),
            certificate_mac=certificate_mac(FACILITY_KEY, card.certificate),
            counter=reader.counted,
            previous=FIRST,
        )
        token = sign_token(said(claims), bridge_id, nonce, reader.sign, reader.chain[0])
        return Delivery(token, message, cti, nonce)

    def sealed(self, delivery: Delivery) -> bytes:
        """The record of it, for this bridge."""
        return seal(self.identity.sealing_key, self.identity.bridge_id, delivery.token, delivery.evidence)

    def deliver(self, delivery: Delivery, reader: Reader | None = None) -> str | None:
        """None where the token was accepted, else the reason."""
        return self.hand_in(self.sealed(delivery), reader)

    def hand_in(self, record: bytes, reader: Reader | None = None) -> str | None:
        """None where the record was accepted, else the reason."""
        receipt = self.desk.accept((reader or self.reader).chain, record)
        if not receipt.accepted:
            assert self.heard("token_refused")[-1]["reason"] == receipt.refusal
        return receipt.refusal

    def heard(self, event: str) -> list[Any]:
        return [one for one in self.events if one["event"] == event]

    def stored(self) -> set[bytes]:
        """Ids of the tokens on the bridge's disk."""
        return {row.cti for row in self.journal.recent_visits(-1, 1 << 40)}

    # ends of the link

    def session(self, identity: BridgeIdentity | None = None) -> Session:
        """The bridge's end."""
        return Session(identity or self.identity, self.desk, self.log, codec())

    def conversation(self, reader: Reader | None = None, *, demo: bool = True) -> "Talking":
        """A reader's end."""
        return Talking(reader or self.reader, demo)

    def forge(
        self,
        subject: str,
        role: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        issuer: x509.Certificate | None = None,
        issuer_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> Path:
        """Key and certificate in one PEM file, naming `subject`; by default from this facility's own authority."""
        issuer = issuer or self.identity.denylist.authority
        issuer_key = issuer_key or load_key(self.identity.folder / "ca.key")
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        whose = name("Face card reader", subject)
        made = issue(whose, key.public_key(), issuer.subject, issuer_key, role, now, now + timedelta(days=1))
        file = self.folder / f"forged-{os.urandom(4).hex()}.pem"
        file.write_bytes(key_pem(key) + made.public_bytes(PEM))
        return file


class Talking:
    """A reader's end with its journal and signer."""

    def __init__(self, reader: Reader, demo: bool) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.reader = reader
        self.journal = ReaderJournal(journal_file(reader.state))
        self.end = Conversation(
            reader.keys,
            self.journal,
            codec(),
            os.urandom,
            lambda name, **facts: self.events.append((name, facts)),
            demo=demo,
        )

    def keep(self, scene: Scene, nonce: bytes | None = None) -> bytes:
        """A visit signed into the journal; its token id."""
        nonce = nonce or scene.desk.open_visit(self.reader.device_id)
        cti, consents = os.urandom(16), {1: True}
        bound = binding(scene.identity.bridge_id, nonce, cti, consents, Method.PIN)
        proof = evidence.encode(scene.card.pin_evidence(bound))
        device = Device(DEVICE.oemid, DEVICE.hwmodel, scene.demo, DEVICE.firmware, DEVICE.face_model)
        TokenSigner(self.reader.keys, device, self.journal).sign(
            Signing(
                cti=cti,
                bridge_id=scene.identity.bridge_id,
                sealing_key=scene.identity.sealing_key,
                nonce=nonce,
                facility_key=FACILITY_KEY,
                issued_at=int(scene.now),
                certificate=scene.card.certificate,
                method=Method.PIN,
                consents=consents,
                policy_date=TODAY,
                evidence=proof,
            )
        )
        return cti

    def down_for(self) -> list[str]:
        """Reasons, oldest first."""
        return [facts["reason"] for name, facts in self.events if name == "link_down"]

    def heard(self, event: str) -> list[dict[str, Any]]:
        return [facts for name, facts in self.events if name == event]


def turned(scene: Scene) -> Impostor:
    """The bridge's own keys in a program that lies; unless told otherwise it greets as the bridge does."""
    host = as_host(scene.identity.folder / "bridge.pem", scene.identity.folder / "bridge.key")
    host.greeting = [(messages.SETTINGS, 0, settings_of(scene))]
    return host


def settings_of(
    scene: Scene, bridge_id: bytes | None = None, sealing_key: bytes | None = None, flags: int | None = None
) -> bytes:
    """Body of SETTINGS."""
    return messages.pack_settings(
        bridge_id or scene.identity.bridge_id,
        FACILITY_KEY,
        sealing_key or scene.identity.sealing_key,
        FacilityKind.MEDICAL,
        messages.DEMO * scene.demo if flags is None else flags,
        int(scene.now),
    )


def cose(
    protected: bytes, unprotected: Mapping[int, Any], payload: bytes, sign: Callable[[bytes], bytes], aad: bytes
) -> bytes:
    """A COSE_Sign1 as RFC 9052 section 4.4 has it, whatever is in it."""
    signature = sign(cbor.encode(["Signature1", protected, aad, payload]))
    return b"\xd2" + cbor.encode([protected, dict(unprotected), payload, signature])


def load_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
