"""The reader's end of a session, without port, thread or clock: questions, settings, records delivered, renewal.

Records come from the journal alone, oldest first, on every connection anew, until each has its receipt.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from board.contracts import KeyStore
from firmware.link.answers import LinkDown, Met, Receipt, Settings
from firmware.link.identity import IdentityRefused
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable, Record
from firmware.link.outbox import Outbox, pending
from firmware.link.questions import ANSWERS, Question
from firmware.link.renewal import Renewal
from firmware.link.trust import bridge_named_in, paired_bridge, server_context
from firmware.wire import messages
from firmware.wire.channel import SESSION, Channel
from firmware.wire.messages import LIMITS_MS, Malformed
from firmware.wire.tls import Event, Lost, Received, SecureChannel, Secured

if TYPE_CHECKING:
    from firmware.wire.frame import Codec

RETRY_MS: Final = 1000
"""Pause before a record is sent again to a terminal that could not take it."""
DELIVERIES: Final = 6
"""So often is a record sent on one connection without a word: what a slow line has not carried yet piles up here."""


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
        self._outbox = Outbox(journal, on_event)
        self._renewal = Renewal(keys, journal, on_event)
        self._codec = codec
        self._urandom = urandom
        self._on_event = on_event
        self._demo = demo
        self.up = False
        self.met: Met | None = None
        self.first_met = pending()
        """Done once the terminal has given its settings."""
        self.damaged = self._outbox.damaged
        """Ends in JournalDamaged, should that be found."""
        self._down_for = ""
        self._number = 0
        self._asked: dict[int, tuple[int, int]] = {}  # on this connection: number -> kind, answers still to come
        self._questions: dict[int, Question] = {}
        self._awaited: dict[bytes, Future[Any]] = {}  # token id -> its receipt
        self._delivery: tuple[int, Record] | None = None  # number of the question, and what it delivers
        self._deliver_at: int | None = None  # None: as soon as there is a record
        self._refusal: Receipt | None = None  # of what is being delivered; it may yet be accepted, and nobody knows
        self._refused_at = 0
        self._renewing: int | None = None  # number of the question
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
        for cti in self._outbox.age(now):
            self._wiped(cti)
        self._go_on(now)

    def due(self) -> int | None:
        """When `tick` must be called next."""
        times = (self._line.due(), self._outbox.age_due(), self._deliver_at if self.up else None)
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

    @property
    def keeps(self) -> bool:
        """Whether the next record can be kept, as far as is known."""
        return self._outbox.works

    def not_kept(self, error: JournalUnavailable | JournalDamaged, now: int) -> None:
        """A record could not be put into the journal."""
        self._outbox.failed(error, now)

    def _adopt(self) -> None:
        """Take the identity in use for the connections to come."""
        identity = self._keys.local()
        if identity is None:
            raise ValueError("this reader is not paired")
        self._bridge = paired_bridge(identity)
        tls = server_context(identity)
        self._line = SecureChannel(
            Channel(False, self._urandom, SESSION, self._codec),
            lambda incoming, outgoing: tls.wrap_bio(incoming, outgoing, server_side=True),
        )

    def _follow(self, events: list[Event], now: int) -> None:
        line = self._line
        for event in events:
            if self._line is not line:
                break  # the identity is a new one: what came on the old one's connection ended with it
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
        expected, unpack = ANSWERS[asked]
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
        self._on_event("link_up", bridge=self._bridge)
        if not self.first_met.done():
            self.first_met.set_result(None)

    def _could_not(self, number: int, asked: int, now: int) -> None:
        if asked == messages.DELIVER:
            self._deliver_at = now + RETRY_MS
        elif asked == messages.RENEW:
            self._renewal.failed("the terminal cannot")
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
        if not self._questions and self._delivery is None and self._deliver_at is None:
            self._renew(now)

    def _send(self, number: int, kind: int, body: bytes, now: int) -> None:
        self._asked[number] = kind, self._asked.get(number, (kind, 0))[1] + 1
        self._line.send(kind, number, body, now)

    def _deliver(self, now: int) -> None:
        """The oldest record, for the first time or again."""
        if self._delivery is not None and self._refusal is not None:
            self._conclude(*self._delivery, self._refusal, now)
            if not self.up or self._delivery is not None:
                return
        if self._delivery is None:
            record = self._outbox.next(now)
            if record is None:
                self._deliver_at = self._outbox.retry_at
                return
            self._number += 1
            self._delivery = self._number, record
        number, record = self._delivery
        if number in self._asked and self._asked[number][1] >= DELIVERIES:
            self._line.refuse(now)
            self._fell("no_receipt")
            return
        self._send(number, messages.DELIVER, record.sealed, now)
        self._deliver_at = now + LIMITS_MS[messages.DELIVER]

    def _take_receipt(self, number: int, receipt: Receipt, now: int) -> None:
        if self._delivery is None or self._delivery[0] != number:
            return  # the second receipt of a record that was sent twice
        record = self._delivery[1]
        if receipt.accepted and receipt.cti != record.cti:
            raise Malformed("a receipt for another token")
        if receipt.accepted:
            self._outbox.delivered(record)
            self._settle(record, receipt)
            return
        self._refusal, self._refused_at = receipt, now
        self._conclude(number, record, receipt, now)

    def _conclude(self, number: int, record: Record, refusal: Receipt, now: int) -> None:
        """Tell a refusal once the record can be accepted no more, tomorrow's better clock or not: no copy of it is
        with the terminal, none is left here."""
        if number in self._asked:
            self._deliver_at = self._refused_at + DELIVERIES * LIMITS_MS[messages.DELIVER]
            if now >= self._deliver_at:
                self._line.refuse(now)
                self._fell("no_receipt")
        elif self._outbox.erase(record, now):
            self._settle(record, refusal)
        else:
            self._deliver_at = self._outbox.retry_at

    def _settle(self, record: Record, receipt: Receipt) -> None:
        self._delivery = self._deliver_at = self._refusal = None
        self._on_event("token_receipt", cti=record.cti.hex(), accepted=receipt.accepted, refusal=receipt.refusal)
        if waiting := self._awaited.pop(record.cti, None):
            waiting.set_result(receipt)

    def _wiped(self, cti: bytes) -> None:
        if self._delivery is not None and self._delivery[1].cti == cti:
            self._delivery = self._deliver_at = self._refusal = None
        if waiting := self._awaited.pop(cti, None):
            waiting.set_exception(LinkDown("the terminal did not take it in a week"))

    def _renew(self, now: int) -> None:
        """Ask for the next identity, where it is time; nobody is being served."""
        if self.met is None or not self._renewal.due(now, self.met.time(now)):
            return
        request = self._renewal.request(now)
        if request is not None:
            self._number += 1
            self._renewing = self._number
            self._send(self._number, messages.RENEW, request, now)

    def _take_identity(self, number: int, certificate: bytes, now: int) -> None:
        if self._renewing != number:
            return
        self._renewing = None
        try:
            taken = self._renewal.take(certificate)
        except IdentityRefused as refused:
            raise Malformed(str(refused)) from refused
        except JournalDamaged as damaged:
            self._outbox.failed(damaged, now)
            return
        if taken:
            self._adopt()
            self.gone("renewed", now)

    def _fell(self, reason: str) -> None:
        """The connection is over; an unchanged reason is told once."""
        news = self.up or reason != self._down_for
        self.up = False
        self._down_for = reason
        self._asked.clear()
        self._deliver_at = self._refusal = self._renewing = None
        for question in self._questions.values():
            question.sent = False
        if news:
            self._on_event("link_down", reason=reason)


class _DemoMismatch(Exception):
    """A demo terminal and a reader that is none, or the other way round."""
