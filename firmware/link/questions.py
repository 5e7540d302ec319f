"""What the reader asks in a session, and what answers it."""

from collections.abc import Callable
from typing import Any, Final

from firmware.link.answers import CertificateStatus, PasscodeChecked, Prescription, Receipt
from firmware.link.outbox import pending
from firmware.wire import messages
from firmware.wire.messages import Malformed

ANSWERS: Final[dict[int, tuple[int, Callable[[bytes], Any]]]] = {
    messages.OPEN_VISIT: (messages.NONCE, messages.unpack_nonce),
    messages.IDENTIFY: (messages.STANDING, messages.unpack_standing),
    messages.REVOCATION: (messages.CERTIFICATE_STATUS, CertificateStatus.unpack),
    messages.PRESCRIPTIONS: (messages.PRESCRIPTION_LIST, Prescription.unpack_list),
    messages.CHECK_PASSCODE: (messages.PASSCODE, PasscodeChecked.unpack),
    messages.CALL_RECEPTION: (messages.DONE, lambda _: None),
    messages.DELIVER: (messages.RECEIPT, Receipt.unpack),
    messages.RENEW: (messages.ISSUED, lambda body: body),
}
"""Question -> kind of the answer, and what reads its body."""


class Question:
    """One question of a visit; `answer` ends with what the terminal said, or in LinkDown."""

    def __init__(self, kind: int, body: bytes) -> None:
        """Raises Malformed where `body` is longer than the catalogue allows."""
        if len(body) > messages.CAPS[kind]:
            raise Malformed(f"message {kind} of {len(body)} bytes")
        self.kind = kind
        self.body = body
        self.sent = False
        self.answer = pending()
