"""Runs the outbox's errands: from a stored visit to a file for the receipt computer, exactly once across kills."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from firmware.policy import Facility
from firmware.token.cose import verify_token
from host_bridge.eligibility import Eligibility, EligibilityUnavailable
from host_bridge.journal import Errand, Journal
from host_bridge.journal_file import JournalUnavailable
from host_bridge.keys import Seal
from host_bridge.outlets.face_folder import FaceFolder, NameTaken
from host_bridge.outlets.oqs_face import FaceFile, file_name, to_xml
from host_bridge.reception import Reception
from host_bridge.visits import Visit, answers_of, standing_of


@dataclass(frozen=True)
class Courier:
    """Who carries visits to the receipt computer's folder. One at a time."""

    journal: Journal
    seal: Seal
    eligibility: Eligibility
    folder: FaceFolder
    institution_code: str
    facility: Facility
    bridge_id: bytes
    reception: Reception
    log: FilteringBoundLogger
    clock: Callable[[], float] = time.time
    retry_s: float = 5.0
    """Pause before what failed is tried again."""
    _wanted: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Work until `stop`; what fails is tried again."""
        while not self._stopped.is_set():
            done = self.deliver_all()
            self._wanted.wait(None if done else self.retry_s)
            self._wanted.clear()

    def call(self) -> None:
        """There is something to carry. From any thread."""
        self._wanted.set()

    def stop(self) -> None:
        """Finish the errand under way, then end `run`. From any thread."""
        self._stopped.set()
        self._wanted.set()

    def deliver_all(self) -> bool:
        """Carry out every open errand; False where one has to wait."""
        try:
            errands = self.journal.errands()
            self.folder.discard_except({errand.file_name for errand in errands if errand.file_name})
            return all([self._deliver(errand) for errand in errands])  # one that waits holds up no other
        except JournalUnavailable as fault:
            self.log.error("journal_unavailable", reason=fault.reason)
        except OSError as fault:
            self.log.error("face_file_failed", reason=type(fault).__name__)
        return False

    def prepare(self, errand: Errand) -> str:
        """Finish the work file of an errand and remember its name. Raises EligibilityUnavailable, OSError."""
        now = int(self.clock())
        cti = errand.cti.hex()
        claims = verify_token(errand.token, self.bridge_id, errand.nonce, errand.chain[0])
        answers = answers_of(claims, self.facility)
        self.reception.agreed(
            Visit(cti, now, errand.visited_at, errand.device_id, method=claims.method.value, answers=answers)
        )
        qualification = self.eligibility.qualification(self.seal.open(errand.lookup_key_sealed, errand.cti))
        self.reception.qualified(
            cti, standing_of(qualification.validity, qualification.registered, qualification.results)
        )
        file = FaceFile(
            institution_code=self.institution_code,
            visited_at=errand.visited_at,
            written_at=now,
            validity=qualification.validity,
            results=qualification.results,
            consents={element: answer.agreed for answer in answers for element in answer.elements},
        )
        name = file_name(self.institution_code, secrets.token_hex(10), now)
        self.folder.finish(name, to_xml(file), {"visit": cti, "reader": errand.device_id, "file": name})
        self.journal.prepared(errand.cti, name)
        return name

    def _deliver(self, errand: Errand) -> bool:
        cti = errand.cti.hex()
        try:
            name = errand.file_name or self.prepare(errand)
            self.folder.hand_over(name)
        except JournalUnavailable:
            raise
        except EligibilityUnavailable:
            self.log.warning("eligibility_unavailable", cti=cti)
        except NameTaken:
            self.journal.prepared(errand.cti, None)  # made anew, under another name
            self.log.warning("face_file_failed", cti=cti, reason="NameTaken")
        except Exception as fault:  # whatever is wrong with this errand, the others go on
            self.log.error("face_file_failed", cti=cti, reason=type(fault).__name__)
        else:
            self.journal.delivered(errand.cti, int(self.clock()))
            self.log.info("face_file_written", cti=cti, file=name)
            return True
        return False
