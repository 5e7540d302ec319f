"""A hostile program in the reader's place: it holds the reader's keys and the patient's card, and forges visits.

`python tests/soak/soak_forger.py LANE` tells for each forgery what the bridge said to it, and ends.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from soak_card import SoakCard
from soak_reader import DEVICE

from board.contracts import LocalIdentity, PortGone
from board.linux.serial import SerialHostPort
from firmware.cobs import codec
from firmware.link.answers import Receipt, Settings
from firmware.link.keys import FileKeyStore, es256
from firmware.link.trust import server_context
from firmware.token.claims import FIRST, Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token
from firmware.token.evidence import binding
from firmware.token.record import seal
from firmware.wire import messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.tls import Event, Received, SecureChannel

LIMIT_S = 20.0
"""The line may be bad: what has not been said by then is left."""
_SIGNATURE_SIZE = 64


class Session:
    """The reader's end of the line, under the forger's hand."""

    def __init__(self, port: SerialHostPort, identity: LocalIdentity, until: float) -> None:
        self._port = port
        self._until = until
        tls = server_context(identity)
        self._line = SecureChannel(
            Channel(False, os.urandom, SESSION, codec()),
            lambda incoming, outgoing: tls.wrap_bio(incoming, outgoing, server_side=True),
        )
        self._number = 0
        self._settings: Settings | None = None

    def visit(self) -> tuple[Settings, bytes]:
        """The settings, and a nonce. Raises PortGone, TimeoutError, ConnectionError."""
        if self._settings is None:
            self._settings = self._connect()
        return self._settings, messages.unpack_nonce(self.ask(messages.OPEN_VISIT, b"", messages.NONCE))

    def gone(self) -> None:
        """The line failed: the next visit begins with another connection."""
        self._settings = None

    def _connect(self) -> Settings:
        """Raises TimeoutError."""
        while True:
            with suppress(PortGone):
                self._port.open()
                self._line.start(_now())
                message = self._wait(messages.SETTINGS)
                self._line.send(messages.DONE, 0, b"", _now())
                return Settings.unpack(message.body)
            self._check_time()
            time.sleep(0.1)

    def ask(self, kind: int, body: bytes, answer: int) -> bytes:
        """Raises PortGone, TimeoutError, ConnectionError for a connection that is over, or a bridge that cannot."""
        self._number += 1
        self._line.send(kind, self._number, body, _now())
        return self._wait(answer).body

    def _wait(self, wanted: int) -> Received:
        while True:
            for event in self._step():
                if isinstance(event, Received) and event.kind == wanted:
                    return event
                if wanted != messages.SETTINGS and not isinstance(event, Received):
                    raise ConnectionError
                if isinstance(event, Received) and event.kind == messages.ERROR:
                    raise ConnectionError
            self._check_time()

    def _step(self) -> list[Event]:
        events = self._line.tick(_now())
        self._flush()
        due = self._line.due()
        wait = 0.1 if due is None else min(0.1, max(0.0, (due - _now()) / 1000))
        events += self._line.feed(self._port.read(wait), _now())
        self._flush()
        return events

    def _flush(self) -> None:
        if out := self._line.output():
            self._port.write(out, 2.0)

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise TimeoutError


class Forger:
    """What it makes of one visit's settings and nonce."""

    def __init__(self, keys: FileKeyStore, card: SoakCard, settings: Settings, nonce: bytes) -> None:
        self._keys = keys
        self._local = local_of(keys)
        self._card = card
        self._settings = settings
        self._nonce = nonce
        self._cti = os.urandom(16)

    def changed_consents_signed(self) -> bytes:
        """The key holder signs other consents than the card has."""
        evidence = self._evidence({1: False, 2: False}, self._nonce)
        return self._seal(self._sign(self._claims(evidence, {1: True, 2: True})), evidence)

    def changed_consents(self) -> bytes:
        """Consents are changed in a token that is signed already."""
        evidence = self._evidence({1: True, 2: True}, self._nonce)
        signature = self._sign(self._claims(evidence, {1: True, 2: False}))[-_SIGNATURE_SIZE:]
        return self._seal(self._sign(self._claims(evidence, {1: True, 2: True}), lambda _: signature), evidence)

    def other_nonce(self) -> bytes:
        """A token for a nonce that the bridge has never given."""
        self._nonce = os.urandom(32)
        evidence = self._evidence({1: True}, self._nonce)
        return self._seal(self._sign(self._claims(evidence, {1: True})), evidence)

    def other_evidence(self) -> bytes:
        """The card has signed for another visit."""
        evidence = self._evidence({1: True}, os.urandom(32))
        return self._seal(self._sign(self._claims(evidence, {1: True})), evidence)

    def swapped_evidence(self) -> bytes:
        """Evidence that the token does not name."""
        evidence = self._evidence({1: True}, self._nonce)
        token = self._sign(self._claims(evidence, {1: True}))
        return self._seal(token, self._evidence({1: True}, os.urandom(32)))

    def foreign_key(self) -> bytes:
        """Another key signs in the reader's name."""
        evidence = self._evidence({1: True}, self._nonce)
        key = ec.generate_private_key(ec.SECP256R1())
        return self._seal(self._sign(self._claims(evidence, {1: True}), lambda data: es256(key, data)), evidence)

    def _evidence(self, consents: dict[int, bool], nonce: bytes) -> bytes:
        bound = binding(self._settings.bridge_id, nonce, self._cti, consents, Method.PIN)
        return self._card.evidence(Method.PIN, bound)

    def _claims(self, evidence: bytes, consents: dict[int, bool]) -> Claims:
        return Claims(
            device_id=self._keys.device_id,
            cti=self._cti,
            issued_at=self._settings.now,
            oemid=DEVICE.oemid,
            hwmodel=DEVICE.hwmodel,
            oemboot=False,
            debug=DebugStatus.ENABLED,
            firmware=DEVICE.firmware,
            face_model=DEVICE.face_model,
            method=Method.PIN,
            consents=consents,
            policy_date=date(2026, 9, 21),
            evidence=sha256(evidence).digest(),
            certificate_mac=certificate_mac(self._settings.facility_key, self._card.certificate),
            counter=1_000_000,
            previous=FIRST,
        )

    def _sign(self, claims: Claims, sign: Callable[[bytes], bytes] | None = None) -> bytes:
        bridge, certificate = self._settings.bridge_id, self._local.chain()[0]
        return sign_token(claims, bridge, self._nonce, sign or self._local.sign, certificate)

    def _seal(self, token: bytes, evidence: bytes) -> bytes:
        return seal(self._settings.sealing_key, self._settings.bridge_id, token, evidence)


FORGERIES: dict[str, tuple[Callable[[Forger], bytes], str]] = {
    "changed_consents_signed": (Forger.changed_consents_signed, "pin_signature"),
    "changed_consents": (Forger.changed_consents, "signature"),
    "other_nonce": (Forger.other_nonce, "nonce_unknown"),
    "other_evidence": (Forger.other_evidence, "pin_signature"),
    "swapped_evidence": (Forger.swapped_evidence, "evidence_not_named"),
    "foreign_key": (Forger.foreign_key, "signature"),
}
"""Forgery -> what makes it, and the reason for which it is to be refused."""


def forge(lane: Path) -> None:
    """Every forgery once, each in a visit of its own. Raises TimeoutError, OSError."""
    until = time.monotonic() + LIMIT_S
    port = SerialHostPort(lane / "cable" / "reader")
    card = SoakCard(lane / "card.json")
    keys = FileKeyStore(lane / "reader" / "identity")
    session = Session(port, local_of(keys), until)
    for kind, (make, expected) in FORGERIES.items():
        deliver(session, kind, expected, lambda *visit, make=make: make(Forger(keys, card, *visit)))
    captured = lane / "captured"
    if captured.exists():  # a record of the honest reader, replayed by another one under a request of its own
        sealed = captured.read_bytes()
        other = Session(port, local_of(FileKeyStore(lane / "other" / "identity")), until)
        deliver(other, "replayed", "nonce_unknown", lambda *_: sealed)
    port.close()


def deliver(session: Session, kind: str, expected: str, make: Callable[[Settings, bytes], bytes]) -> None:
    """Open a visit, deliver what `make` makes of it, tell what was said; again, where the line fails."""
    while True:
        with suppress(ConnectionError, PortGone):
            sealed = make(*session.visit())
            receipt = Receipt.unpack(session.ask(messages.DELIVER, sealed, messages.RECEIPT))
            tell(kind=kind, accepted=receipt.accepted, refusal=receipt.refusal, expected=expected)
            return
        session.gone()


def local_of(keys: FileKeyStore) -> LocalIdentity:
    local = keys.local()
    assert local is not None
    return local


def tell(**facts: Any) -> None:
    print(json.dumps({"event": "forged", **facts}), flush=True)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


if __name__ == "__main__":
    with suppress(TimeoutError):
        forge(Path(sys.argv[1]))
