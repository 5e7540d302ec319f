"""What the bridge still knows, after a restart, of the visits of the last day: the journal, and files not taken yet."""

from dataclasses import replace
from typing import Final

from firmware.policy import Facility
from firmware.token.cose import verify_token
from firmware.token.refusal import TokenRefused
from host_bridge.journal import Journal, KeptVisit
from host_bridge.outlets.face_folder import FaceFolder
from host_bridge.outlets.oqs_face import CONSENT_LIFE
from host_bridge.outlets.oqs_face_read import SIZE_CAP, NotAFaceFile, from_xml
from host_bridge.reception import VISITS_CAP
from host_bridge.visits import File, Inquiry, Standing, Visit, answers_of, standing_of

_LIFE_S: Final = int(CONSENT_LIFE.total_seconds())


def recall(journal: Journal, folder: FaceFolder, facility: Facility, bridge_id: bytes, now: int) -> tuple[Visit, ...]:
    """The visits of the last day, oldest first. Raises JournalUnavailable."""
    kept = journal.recent_visits(now - _LIFE_S, VISITS_CAP)
    visits = ((one, _visit(one, facility, bridge_id)) for one in kept)
    return tuple(_with_file(visit, one.file_name, one.delivered_at, folder) for one, visit in visits if visit)


def _visit(kept: KeptVisit, facility: Facility, bridge_id: bytes) -> Visit | None:
    try:
        claims = verify_token(kept.token, bridge_id, kept.nonce, kept.chain[0])
    except TokenRefused:  # not as it was stored: nothing that the reception could rely on
        return None
    return Visit(
        kept.cti.hex(),
        kept.received_at,
        kept.visited_at,
        kept.device_id,
        claims.method.value,
        kept.certificate_status,
        answers_of(claims, facility),
    )


def _with_file(visit: Visit, name: str | None, written_at: int | None, folder: FaceFolder) -> Visit:
    """The visit with what its file tells, if there is a file yet and the receipt computer has left it there."""
    if name is None:
        return visit
    standing = _answer(name, folder)
    inquiry = Inquiry.AWAY if standing is None else Inquiry.ANSWERED
    return replace(visit, inquiry=inquiry, standing=standing, file=File(name, written_at))


def _answer(name: str, folder: FaceFolder) -> Standing | None:
    try:
        content = folder.read(name, SIZE_CAP)
        if content is None:
            return None
        answer = from_xml(content)
    except (OSError, NotAFaceFile):  # the visit is shown without it
        return None
    return standing_of(answer.validity, None, answer.results)
