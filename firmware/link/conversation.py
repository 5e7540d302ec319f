"""The reader's end of a session, without port, thread or clock: questions, settings, records delivered, renewal.

Records come from the journal alone, oldest first, on every connection anew, until each has its receipt.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from board.contracts import KeyStore
from firmware.link.answers import CertificateStatus, LinkDown, PasscodeChecked, Prescription, Receipt, Settings
from firmware.link.identity import IdentityRefused, check_issued, renew_from
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable, Record
from firmware.link.trust import bridge_named_in, paired_bridge, server_context
from firmware.wire import messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.messages import LIMITS_MS, Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

RETRY_MS: Final = 1000
"""Pause before a record is sent again to a terminal that could not take it, and before a disk is tried again."""
AGE_MS: Final = 60_000
"""How often running time is written down."""
RENEW_AGAIN_MS: Final = 600_000
"""Pause between two requests for the next identity, whatever became of the first."""

_ANSWERS: dict[int, tuple[int, Callable[[bytes], Any]]] = {
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


@dataclass(frozen=True)
class Met:
    """The terminal's settings, and when they came."""

    settings: Settings
    at: int

    def time(self, now: int) -> int:
        """The terminal's time, carried on by our own count: seconds since 1970 UTC."""
        return self.settings.now + (now - self.at) // 1000


class Conversation:
    """One end of a session, with the terminal this reader is paired with. Implements End.

    `on_event(name, **facts)` hears link_up, link_down, token_receipt, record_expired, journal_unavailable,
    journal_available, identity_renewed, renewal_failed.
    """

    def __init__(
        self,
        keys: KeyStore,
        journal: Journal,
        codec: "Codec",
        urandom: Callable[[int], bytes],
        on_event: Callable[..., None],
        *,
        demo: bool,
    ) -> None:
        """`demo`: whether this is a demo reader; it talks to a demo terminal only, any other reader to none.

        Raises ValueError for a reader that is not paired.
        """
        self._keys = keys
        self._journal = journal
        self._codec = codec
        self._urandom = urandom
        self._on_event = on_event
        self._demo = demo
        self.up = False
        self.met: Met | None = None
        self.first_met = pending()
        """Done once the terminal has given its settings."""
        self.damaged = pending()
        """Ends in JournalDamaged, should that be found."""
        self._down_for = ""
        self._number = 0
        self._asked: dict[int, tuple[int, int]] = {}  # on this connection: number -> kind, answers still to come
        self._questions: dict[int, Question] = {}
        self._awaited: dict[bytes, Future[Any]] = {}  # token id -> its receipt
        self._delivery: tuple[int, Record] | None = None  # number of the question, and what it delivers
        self._erase: int | None = None  # number of the record that has its receipt
        self._deliver_at: int | None = None  # None: as soon as there is a record
        self._journal_works = True
        self._renewal: tuple[int, bytes] | None = None  # number of the question, and the request in it
        self._renew_at = 0
        self._aged_at: int | None = None
        self._age_at = 0
        self._adopt()

    def start(self, now: int) -> None:
        """The line has been (re)opened."""
        self._line.start(now)

    def gone(self, reason: str, now: int) -> None:
        """The line is there no more."""
        self._line.start(now)
        self._fell(reason)

    def feed(self, data: bytes, now: int) -> None:
        """Bytes from the line."""
        self._follow(self._line.feed(data, now), now)
        self._go_on(now)

    def tick(self, now: int) -> None:
        """To be called at `due` at the latest, and after `ask`, and when there is a new record."""
        self._follow(self._line.tick(now), now)
        self._age(now)
        self._go_on(now)

    def due(self) -> int | None:
        """When `tick` must be called next."""
        times = (self._line.due(), self._age_at, self._deliver_at if self.up else None)
        return min(at for at in times if at is not None)

    def output(self) -> bytes:
        """What must be written to the line now; given once."""
        return self._line.output()

    def ask(self, question: Question) -> None:
        """Send it, now or on the next connection, unless it is forgotten meanwhile."""
        self._number += 1
        self._questions[self._number] = question

    def forget(self, question: Question) -> None:
        """Nobody waits for this answer any more."""
        self._questions = {number: one for number, one in self._questions.items() if one is not question}

    def expect(self, cti: bytes, receipt: Future[Any]) -> None:
        """End `receipt` with the Receipt of this token, or in LinkDown once its record is wiped unsent."""
        self._awaited[cti] = receipt

    def expect_no_more(self, cti: bytes) -> None:
        """Nobody waits for this receipt any more; the record is delivered all the same."""
        self._awaited.pop(cti, None)

    def _adopt(self) -> None:
        """Take the identity in use for the connections to come."""
        identity = self._keys.local()
        if identity is None:
            raise ValueError("this reader is not paired")
        self._authority = identity.chain()[-1]
        self._bridge = paired_bridge(identity)
        self._renew_from = renew_from(identity.chain()[0])
        tls = server_context(identity)
        self._line = SecureChannel(
            Channel(False, self._urandom, SESSION, self._codec),
            lambda incoming, outgoing: tls.wrap_bio(incoming, outgoing, server_side=True),
        )

    def _follow(self, events: list[Event], now: int) -> None:
        for event in events:
            if isinstance(event, Lost):
                self._fell(event.reason)
                continue
            reason = self._wrong(event, now)
            if reason is not None:
                self._line.refuse(now)
                self._fell(reason)
                break

    def _wrong(self, event: Secured | Received, now: int) -> str | None:
        """Why the connection cannot go on, if it cannot."""
        if isinstance(event, Secured):
            return None if bridge_named_in(event.certificate) == self._bridge else "not_the_paired_bridge"
        try:
            self._receive(event, now)
        except Malformed:
            return "malformed"
        except _DemoMismatch:
            return "demo_mismatch"
        return None

    def _receive(self, message: Received, now: int) -> None:
        if message.kind == messages.SETTINGS and message.request == 0:
            self._take_settings(Settings.unpack(message.body), now)
            return
        asked, left = self._asked.pop(message.request, (0, 0))
        if not asked:
            raise Malformed(f"message {message.kind} that nobody asked for")
        if left > 1:
            self._asked[message.request] = asked, left - 1
        if message.kind == messages.ERROR:
            self._could_not(message.request, asked, now)
            return
        expected, unpack = _ANSWERS[asked]
        if message.kind != expected:
            raise Malformed(f"answer {message.kind} to question {asked}")
        answer = unpack(message.body)
        if asked == messages.DELIVER:
            self._take_receipt(message.request, answer, now)
        elif asked == messages.RENEW:
            self._take_identity(message.request, answer, now)
        elif question := self._questions.pop(message.request, None):
            question.answer.set_result(answer)

    def _take_settings(self, settings: Settings, now: int) -> None:
        if settings.bridge_id.hex() != self._bridge:
            raise Malformed("settings of another bridge")
        if settings.demo is not self._demo:
            raise _DemoMismatch
        self.met = Met(settings, now)
        self._line.send(messages.DONE, 0, b"", now)
        if self.up:
            return
        self.up = True
        self._down_for = ""
        self._asked.clear()
        self._delivery = self._deliver_at = self._renewal = None
        for question in self._questions.values():
            question.sent = False
        self._on_event("link_up", bridge=self._bridge)
        if not self.first_met.done():
            self.first_met.set_result(None)

    def _could_not(self, number: int, asked: int, now: int) -> None:
        if asked == messages.DELIVER:
            self._deliver_at = now + RETRY_MS
        elif asked == messages.RENEW:
            self._renewal = None
            self._on_event("renewal_failed", reason="the terminal cannot")
        elif question := self._questions.pop(number, None):
            question.answer.set_exception(LinkDown("the terminal cannot answer"))

    def _go_on(self, now: int) -> None:
        """Say what is to be said."""
        if not self.up:
            return
        for number, question in self._questions.items():
            if not question.sent:
                question.sent = True
                self._send(number, question.kind, question.body, now)
        if self._deliver_at is None or now >= self._deliver_at:
            self._deliver(now)
        if now >= self._renew_at and not self._questions and self._delivery is None and self._deliver_at is None:
            self._renew(now)

    def _send(self, number: int, kind: int, body: bytes, now: int) -> None:
        self._asked[number] = kind, self._asked.get(number, (kind, 0))[1] + 1
        self._line.send(kind, number, body, now)

    def _deliver(self, now: int) -> None:
        """The oldest record, for the first time or again."""
        if self._delivery is None:
            try:
                if self._erase is not None:
                    self._journal.delivered(self._erase)
                    self._erase = None
                record = self._journal.oldest()
            except (JournalUnavailable, JournalDamaged) as error:
                self._journal_failed(error)
                self._deliver_at = now + RETRY_MS
                return
            self._journal_works_again()
            if record is None:
                self._deliver_at = None
                return
            self._number += 1
            self._delivery = self._number, record
        number, record = self._delivery
        self._send(number, messages.DELIVER, record.sealed, now)
        self._deliver_at = now + LIMITS_MS[messages.DELIVER]

    def _take_receipt(self, number: int, receipt: Receipt, now: int) -> None:
        if self._delivery is None or self._delivery[0] != number:
            return  # the second receipt of a record that was sent twice
        record = self._delivery[1]
        if receipt.accepted and receipt.cti != record.cti:
            raise Malformed("a receipt for another token")
        self._delivery = self._deliver_at = None
        self._on_event("token_receipt", cti=record.cti.hex(), accepted=receipt.accepted, refusal=receipt.refusal)
        if waiting := self._awaited.pop(record.cti, None):
            waiting.set_result(receipt)
        self._erase = record.counter  # the next thing the journal is asked, as often as it takes

    def _age(self, now: int) -> None:
        if self._aged_at is None:
            self._aged_at = now
        elif now >= self._age_at:
            seconds = (now - self._aged_at) // 1000
            try:
                expired = self._journal.age(seconds)
            except (JournalUnavailable, JournalDamaged) as error:
                self._journal_failed(error)
            else:
                self._journal_works_again()
                self._aged_at += seconds * 1000
                self._wiped(expired)
        else:
            return
        self._age_at = now + AGE_MS

    def _wiped(self, ctis: list[bytes]) -> None:
        for cti in ctis:
            self._on_event("record_expired", cti=cti.hex())
            if self._delivery is not None and self._delivery[1].cti == cti:
                self._delivery = self._deliver_at = None
            if waiting := self._awaited.pop(cti, None):
                waiting.set_exception(LinkDown("the terminal did not take it in a week"))

    def _renew(self, now: int) -> None:
        """Ask for the next identity, where it is time and nothing else is going on."""
        if self.met is None or self.met.time(now) < self._renew_from:
            return
        self._renew_at = now + RENEW_AGAIN_MS
        try:
            request = self._keys.request()
        except OSError as error:
            self._on_event("renewal_failed", reason=f"the key cannot be kept: {error.strerror}")
            return
        self._number += 1
        self._renewal = self._number, request
        self._send(self._number, messages.RENEW, request, now)

    def _take_identity(self, number: int, certificate: bytes, now: int) -> None:
        if self._renewal is None or self._renewal[0] != number:
            return
        request = self._renewal[1]
        self._renewal = None
        try:
            check_issued(certificate, self._authority, request)
        except IdentityRefused as refused:
            self._on_event("renewal_failed", reason=str(refused))
            raise Malformed(str(refused)) from refused
        try:
            with self._journal.turn():
                if self._journal.undelivered():
                    self._on_event("renewal_failed", reason="a visit came between")  # its token names the old identity
                    return
                self._keys.install(certificate, self._authority)
        except JournalDamaged as damaged:
            self._journal_failed(damaged)
        except (JournalUnavailable, OSError) as error:
            self._on_event("renewal_failed", reason=f"it cannot be kept: {error}")
        else:
            self._on_event("identity_renewed")
            self._adopt()
            self.gone("renewed", now)

    def _journal_failed(self, error: JournalUnavailable | JournalDamaged) -> None:
        if isinstance(error, JournalDamaged):
            if not self.damaged.done():
                self.damaged.set_exception(error)
        elif self._journal_works:
            self._journal_works = False
            self._on_event("journal_unavailable", reason=error.reason)

    def _journal_works_again(self) -> None:
        if not self._journal_works:
            self._journal_works = True
            self._on_event("journal_available")

    def _fell(self, reason: str) -> None:
        """The connection is over; an unchanged reason is told once."""
        news = self.up or reason != self._down_for
        self.up = False
        self._down_for = reason
        if news:
            self._on_event("link_down", reason=reason)


class _DemoMismatch(Exception):
    """A demo terminal and a reader that is none, or the other way round."""


def pending() -> Future[Any]:
    """A future that only its maker ends: one that waits for it may give up, never cancel it."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future
