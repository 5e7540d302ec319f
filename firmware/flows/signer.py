"""Signs visit tokens, each sealed into the journal with the number and the hash that the next one follows."""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from board.contracts import KeyStore
from firmware.link.journal import Journal
from firmware.token.claims import Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token
from firmware.token.record import seal


@dataclass(frozen=True)
class Device:
    """What the reader says of itself in every token."""

    oemid: bytes
    hwmodel: bytes
    demo: bool
    """A demo reader reports its debug status as enabled; no production bridge takes its tokens."""
    firmware: bytes
    """`measure` of the program, 32 bytes."""
    face_model: bytes
    """SHA-256 of the models' manifest, 32 bytes."""


@dataclass(frozen=True)
class Signing:
    """One visit as the token shall say it."""

    cti: bytes
    bridge_id: bytes
    sealing_key: bytes
    nonce: bytes
    facility_key: bytes
    issued_at: int
    certificate: bytes
    method: Method
    consents: dict[int, bool]
    policy_date: date
    evidence: bytes


@dataclass(frozen=True)
class Kept:
    """A token that is in the journal."""

    counter: int
    size: int
    """Bytes of the token."""


class TokenSigner:
    """Signs visits into the journal: no token leaves the reader that is not there first."""

    def __init__(self, keys: KeyStore, device: Device, journal: Journal) -> None:
        self._keys = keys
        self._device = device
        self._journal = journal

    def sign(self, visit: Signing) -> Kept:
        """Sign the next token, seal it with its evidence to the bridge, and keep it, at one go.

        Raises JournalUnavailable when it cannot be kept, JournalDamaged, and ValueError for a visit that breaks the
        token's profile: then no number is used.
        """
        with self._journal.turn():
            counter, previous = self._journal.last()
            token = self._token(visit, counter + 1, previous)
            sealed = seal(visit.sealing_key, visit.bridge_id, token, visit.evidence)
            self._journal.put(visit.cti, counter + 1, hashlib.sha256(token).digest(), sealed)
        return Kept(counter + 1, len(token))

    def _token(self, visit: Signing, counter: int, previous: bytes) -> bytes:
        identity = self._keys.local()
        if identity is None:
            raise ValueError("this reader is not paired")
        return sign_token(
            Claims(
                device_id=self._keys.device_id,
                cti=visit.cti,
                issued_at=visit.issued_at,
                oemid=self._device.oemid,
                hwmodel=self._device.hwmodel,
                oemboot=False,  # no boot chain has been verified on this board
                debug=DebugStatus.ENABLED if self._device.demo else DebugStatus.DISABLED,
                firmware=self._device.firmware,
                face_model=self._device.face_model,
                method=visit.method,
                consents=visit.consents,
                policy_date=visit.policy_date,
                evidence=hashlib.sha256(visit.evidence).digest(),
                certificate_mac=certificate_mac(visit.facility_key, visit.certificate),
                counter=counter,
                previous=previous,
            ),
            visit.bridge_id,
            visit.nonce,
            identity.sign,
            identity.chain()[0],
        )


def measure(folder: Path) -> bytes:
    """SHA-256 over the names and contents of the program files under `folder`, in order of name."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.digest()
