"""Signs visit tokens, and keeps the two things that outlive them: the counter and the hash of the last token."""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from board.contracts import KeyStore
from firmware.token.claims import FIRST, Claims, DebugStatus, Method, certificate_mac
from firmware.token.cose import sign_token


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
    nonce: bytes
    facility_key: bytes
    issued_at: int
    certificate: bytes
    method: Method
    consents: dict[int, bool]
    policy_date: date
    evidence: bytes


class TokenSigner:
    """Counts and signs. The counter is on disk before a token with it exists, so it never repeats."""

    def __init__(self, keys: KeyStore, device: Device, state: Path) -> None:
        """`state` is a file; a missing one is a reader's first day. Raises OSError, ValueError (a damaged file)."""
        self._keys = keys
        self._device = device
        self._state = state
        self._counter, self._previous = 0, FIRST
        if state.exists():
            kept = json.loads(state.read_text())
            self._counter, self._previous = int(kept["counter"]), bytes.fromhex(kept["previous"])

    def sign(self, visit: Signing) -> bytes:
        """The token, at most 760 bytes. Raises OSError when the counter cannot be kept: then nothing is signed."""
        counter = self._counter + 1
        self._keep(counter, self._previous)
        self._counter = counter
        token = sign_token(
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
                previous=self._previous,
            ),
            visit.bridge_id,
            visit.nonce,
            self._keys.sign,
            self._keys.chain()[0],
        )
        digest = hashlib.sha256(token).digest()
        self._keep(counter, digest)
        self._previous = digest
        return token

    def _keep(self, counter: int, previous: bytes) -> None:
        fresh = self._state.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump({"counter": counter, "previous": previous.hex()}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._state)
        folder = os.open(self._state.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def measure(folder: Path) -> bytes:
    """SHA-256 over the names and contents of the program files under `folder`, in order of name."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.digest()
