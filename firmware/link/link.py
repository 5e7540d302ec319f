"""The reader's link to its terminal, as asyncio sees it; the work is a conversation's, in the pump's thread."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from board.contracts import HostPort, KeyStore
from firmware.link.answers import LinkDown, Met, PasscodeChecked, Prescription, Receipt, Settings, Standing
from firmware.link.conversation import Conversation
from firmware.link.journal import Journal, JournalDamaged, JournalUnavailable
from firmware.link.outbox import pending
from firmware.link.pump import Pump, now_ms
from firmware.link.questions import Question
from firmware.wire import messages
from firmware.wire.messages import LIMITS_MS

if TYPE_CHECKING:
    from firmware.wire.frame import Codec


class Link:
    """The link to the one terminal this reader is paired with. Use as an async context manager.

    Records in the journal are delivered whoever asked for it and whenever the terminal can be reached.
    """

    def __init__(
        self,
        port: HostPort,
        keys: KeyStore,
        journal: Journal,
        codec: "Codec",
        on_event: Callable[..., None],
        *,
        demo: bool,
    ) -> None:
        """`on_event`: as for Conversation; it is called in the link's thread. `demo`: as there.

        Raises ValueError for a reader that is not paired.
        """
        self._conversation = Conversation(keys, journal, codec, os.urandom, on_event, demo=demo)
        self._pump = Pump(port, self._conversation)

    async def __aenter__(self) -> Self:
        self._pump.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._pump.stop)

    @property
    def up(self) -> bool:
        """Whether the terminal is connected, and has said who it is."""
        return self._conversation.up

    @property
    def keeps(self) -> bool:
        """Whether the next record can be kept in the journal, as far as is known."""
        return self._conversation.keeps

    async def damaged(self) -> None:
        """Wait until the journal is found to be damaged; raises JournalDamaged."""
        await asyncio.wrap_future(self._conversation.damaged)

    async def settings(self) -> Settings:
        """The terminal's settings; waits for the first connection. Raises LinkDown."""
        try:
            async with asyncio.timeout(LIMITS_MS[messages.SETTINGS] / 1000):
                await asyncio.wrap_future(self._conversation.first_met)
        except TimeoutError:
            raise LinkDown("no terminal has connected") from None
        return self._met().settings

    def host_time(self) -> int:
        """The terminal's time, seconds since 1970 UTC, carried on by this machine's monotonic clock.

        Raises LinkDown before the first connection.
        """
        return self._met().time(now_ms())

    async def open_visit(self) -> bytes:
        """A nonce for one visit, 32 bytes. Raises LinkDown."""
        nonce: bytes = await self._ask(messages.OPEN_VISIT, b"")
        return nonce

    async def identify(self, certificate: bytes) -> Standing:
        """What is known of the holder of `certificate` (DER, at most 4,096 bytes). Raises LinkDown,
        and Malformed for a longer one."""
        standing, status = await asyncio.gather(
            self._ask(messages.IDENTIFY, certificate), self._ask(messages.REVOCATION, certificate)
        )
        return Standing.of(standing, status)

    async def prescriptions(self, certificate: bytes) -> list[Prescription]:
        """What the holder of `certificate` may choose from. Raises LinkDown."""
        found: list[Prescription] = await self._ask(messages.PRESCRIPTIONS, sha256(certificate).digest())
        return found

    async def check_passcode(self, passcode: str) -> PasscodeChecked:
        """Whether staff typed the passcode of the terminal. Raises LinkDown, and Malformed for one that is too long."""
        checked: PasscodeChecked = await self._ask(messages.CHECK_PASSCODE, messages.pack_passcode(passcode))
        return checked

    async def call_reception(self) -> None:
        """Tell the reception that the patient asks for somebody. Raises LinkDown."""
        await self._ask(messages.CALL_RECEPTION, b"")

    def deliver(self, cti: bytes, keep: Callable[[], None]) -> Coroutine[Any, Any, Receipt]:
        """Have `keep` put the record of this token into the journal, now; what is returned waits for the receipt,
        however long it takes, and holds nothing of the visit.

        Cancelling it does not take the record back. Raises what `keep` raises; awaited, LinkDown for a record that
        was wiped before any terminal took it.
        """
        receipt = pending()
        self._pump.call(lambda: self._conversation.expect(cti, receipt))
        try:
            keep()
        except BaseException as error:
            self._expect_no_more(cti)
            if isinstance(error, JournalUnavailable | JournalDamaged):
                self._pump.call(partial(self._conversation.not_kept, error, now_ms()))
            raise
        self._pump.call(lambda: None)  # there is a new record
        return self._receipt(cti, receipt)

    async def _receipt(self, cti: bytes, receipt: Future[Any]) -> Receipt:
        try:
            answer: Receipt = await asyncio.wrap_future(receipt)
            return answer
        finally:
            self._expect_no_more(cti)

    def _expect_no_more(self, cti: bytes) -> None:
        self._pump.call(lambda: self._conversation.expect_no_more(cti))

    async def _ask(self, kind: int, body: bytes) -> Any:
        question = Question(kind, body)
        self._pump.call(lambda: self._conversation.ask(question))
        try:
            async with asyncio.timeout(LIMITS_MS[kind] / 1000):
                return await asyncio.wrap_future(question.answer)
        except TimeoutError:
            raise LinkDown("no answer in time") from None
        finally:
            self._pump.call(lambda: self._conversation.forget(question))

    def _met(self) -> Met:
        if self._conversation.met is None:
            raise LinkDown("no terminal has connected")
        return self._conversation.met
