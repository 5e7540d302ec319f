"""From a reader's question to the terminal's answer: bodies of `firmware.wire.messages` on one side, the desk on the
other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from firmware.wire import messages
from firmware.wire.messages import Malformed
from firmware.wire.tls import Received
from host_bridge.certificates import RequestMalformed
from host_bridge.desk import Receipt, Settings, Standing
from host_bridge.devices import Devices
from host_bridge.eligibility import CertificateStatus, Prescription
from host_bridge.passcode import Checked, Verdict

_STATUSES: Final = {
    CertificateStatus.GOOD: messages.GOOD,
    CertificateStatus.ENDING: messages.ENDING,
    CertificateStatus.ENDED: messages.ENDED,
    CertificateStatus.EXPIRED: messages.EXPIRED,
    CertificateStatus.REVOKED: messages.REVOKED,
    CertificateStatus.UNKNOWN: messages.UNCERTAIN,
}
_VERDICTS: Final = {
    Verdict.RIGHT: messages.PASSCODE_RIGHT,
    Verdict.WRONG: messages.PASSCODE_WRONG,
    Verdict.LOCKED: messages.PASSCODE_LOCKED,
}


class Answering(Protocol):
    """What answers a reader: `host_bridge.desk.Desk` is one. Whatever is raised becomes CANNOT."""

    def settings(self) -> Settings: ...

    def open_visit(self, device_id: str) -> bytes: ...

    def identify(self, certificate: bytes) -> Standing: ...

    def certificate_status(self, certificate: bytes) -> CertificateStatus: ...

    def prescriptions(self, certificate_sha256: bytes) -> Sequence[Prescription]: ...

    def check_passcode(self, device_id: str, typed: str) -> Checked: ...

    def accept(self, device_chain: Sequence[bytes], sealed: bytes) -> Receipt: ...

    def reception_called(self, device_id: str) -> None: ...


@dataclass(frozen=True)
class Asker:
    """The reader of a session."""

    device_id: str
    chain: Sequence[bytes]
    """DER, LDevID first, as it proved to hold."""


def settings_body(settings: Settings) -> bytes:
    """Body of SETTINGS."""
    flags = (
        settings.demo * messages.DEMO
        | settings.disaster * messages.DISASTER
        | settings.prescriptions * messages.HAS_PRESCRIPTIONS
        | settings.staff_check * messages.STAFF_CHECK
    )
    return messages.pack_settings(
        settings.bridge_id, settings.facility_key, settings.sealing_key, settings.facility_kind, flags, settings.now
    )


def answer(question: Received, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    """Kind and body. Raises Malformed for what is no question, and whatever the desk raises."""
    give = _ANSWERS.get(question.kind)
    if give is None:
        raise Malformed(f"message {question.kind} from a reader")
    return give(question.body, asker, desk, devices)


def _open_visit(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    return messages.NONCE, desk.open_visit(asker.device_id)


def _identify(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    standing = desk.identify(body)
    may_ask = standing.consents * messages.ASK_CONSENTS | standing.prescriptions * messages.ASK_PRESCRIPTIONS
    return messages.STANDING, messages.pack_standing(standing.registered, standing.validity, may_ask)


def _deliver(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    receipt = desk.accept(asker.chain, body)
    return messages.RECEIPT, messages.pack_receipt(receipt.cti, receipt.accepted, receipt.refusal or "")


def _call_reception(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    desk.reception_called(asker.device_id)
    return messages.DONE, b""


def _revocation(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    return messages.CERTIFICATE_STATUS, bytes([_STATUSES[desk.certificate_status(body)]])


def _prescriptions(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    found = desk.prescriptions(messages.unpack_digest(body))
    packed = [(one.id.encode(), int(one.day), one.issuer) for one in found]
    return messages.PRESCRIPTION_LIST, messages.pack_prescriptions(packed)


def _check_passcode(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    checked = desk.check_passcode(asker.device_id, messages.unpack_passcode(body))
    return messages.PASSCODE, messages.pack_verdict(_VERDICTS[checked.verdict], checked.tries_left)


def _renew(body: bytes, asker: Asker, desk: Answering, devices: Devices) -> tuple[int, bytes]:
    try:
        return messages.ISSUED, devices.renew(asker.device_id, body, datetime.now(UTC))
    except RequestMalformed as error:
        raise Malformed("no request that can be granted") from error


_ANSWERS: Final[dict[int, Callable[[bytes, Asker, Answering, Devices], tuple[int, bytes]]]] = {
    messages.OPEN_VISIT: _open_visit,
    messages.IDENTIFY: _identify,
    messages.DELIVER: _deliver,
    messages.CALL_RECEPTION: _call_reception,
    messages.REVOCATION: _revocation,
    messages.PRESCRIPTIONS: _prescriptions,
    messages.CHECK_PASSCODE: _check_passcode,
    messages.RENEW: _renew,
}
