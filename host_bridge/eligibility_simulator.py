"""An eligibility system (オンライン資格確認等システム) that answers from a file."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from host_bridge.eligibility import (
    CertificateStatus,
    EligibilityUnavailable,
    Prescription,
    Qualification,
    QualificationValidity,
)
from host_bridge.outlets.oqs_face import check_result

_PASSCODE_DIGITS: Final = range(4, 17)
_ID_SIZE: Final = 32
_ISSUER_SIZE: Final = 96


class PeopleMalformed(ValueError):
    """The simulator's file is not of the expected form; the text names the part, not its content."""


@dataclass(frozen=True)
class _Known:
    """What the file says."""

    people: Mapping[bytes, Qualification]
    prescriptions: Mapping[bytes, Sequence[Prescription]]
    revoked: frozenset[int]
    disaster: bool
    passcode: str | None


class EligibilitySimulator:
    """Answers from a JSON file, which may be changed while this runs. Implements Eligibility.

    `{"people": [{"certificate": SHA-256 hex, "registered": bool, "validity": 1-6, "results": [{element: text or
    group}, ...], "prescriptions": [{"id": text, "day": "yyyymmdd", "issuer": text}, ...]}],
    "revoked": [serial number hex, ...], "disaster": bool, "passcode": 4 to 16 digits}`; prescriptions, disaster and
    passcode may be left out. Whoever is not in it has no qualification, and of their certificate nothing is known
    unless it is revoked. A file that has become unreadable is a system that cannot be asked.
    """

    def __init__(self, file: Path) -> None:
        """Raises OSError, PeopleMalformed."""
        self._file = file
        self._lock = threading.Lock()
        self._seen = _stamp(file)
        self._known = _load(file)

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        """GOOD, REVOKED or UNKNOWN."""
        known = self._now_known()
        if serial in known.revoked:
            return CertificateStatus.REVOKED
        return CertificateStatus.GOOD if certificate_sha256 in known.people else CertificateStatus.UNKNOWN

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        """The person's qualification, or that there is none."""
        return self._now_known().people.get(certificate_sha256, Qualification(False, QualificationValidity.NONE, ()))

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]:
        """The person's, if any."""
        return self._now_known().prescriptions.get(certificate_sha256, ())

    def disaster(self) -> bool:
        """As the file says."""
        return self._now_known().disaster

    def passcode(self) -> str | None:
        """As the file says."""
        return self._now_known().passcode

    def _now_known(self) -> _Known:
        with self._lock:
            try:
                stamp = _stamp(self._file)
                if stamp != self._seen:
                    self._known = _load(self._file)
                    self._seen = stamp
            except (OSError, PeopleMalformed) as error:
                raise EligibilityUnavailable from error
            return self._known


def _stamp(file: Path) -> tuple[int, int, int]:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _load(file: Path) -> _Known:
    """Raises OSError, PeopleMalformed."""
    content = file.read_bytes()
    try:
        table = json.loads(content.decode())
        people = {bytes.fromhex(person["certificate"]): person for person in table["people"]}
        return _Known(
            {key: _qualification(person) for key, person in people.items()},
            {key: tuple(map(_prescription, person.get("prescriptions", ()))) for key, person in people.items()},
            frozenset(int(serial, 16) for serial in table["revoked"]),
            _disaster(table.get("disaster", False)),
            _passcode(table.get("passcode")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PeopleMalformed(
            f"{file.name}: 書式が正しくありません / not in the form of a people file: {type(error).__name__}"
        ) from error


def _qualification(person: Mapping[str, Any]) -> Qualification:
    results = tuple(person["results"])
    for result in results:
        check_result(result)
    return Qualification(bool(person["registered"]), QualificationValidity(person["validity"]), results)


def _prescription(given: Mapping[str, Any]) -> Prescription:
    found = Prescription(given["id"], given["day"], given["issuer"])
    datetime.strptime(found.day, "%Y%m%d")
    if not found.id.isascii() or not 0 < len(found.id) <= _ID_SIZE or len(found.issuer.encode()) > _ISSUER_SIZE:
        raise ValueError("prescription")
    return found


def _disaster(given: object) -> bool:
    if not isinstance(given, bool):
        raise TypeError("disaster")
    return given


def _passcode(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given.isascii() or not given.isdigit() or len(given) not in _PASSCODE_DIGITS:
        raise ValueError("passcode")
    return given
