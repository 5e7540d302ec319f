"""A session looked at from outside: what is sent and what comes back, without what must not be seen."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TextIO

from board.contracts import CardSession
from firmware.card.apdu import EXTENDED_LE, Ins, Response, meaning

ANSWER_S: Final = 10.0
"""A card that has not answered a command by then never will."""


class CardMute(Exception):
    """The card lies there and answers no more."""


class Watched:
    """A session whose exchanges can be followed. Implements CardSession."""

    def __init__(self, session: CardSession, out: TextIO, *, trace: bool) -> None:
        self.atr = session.atr
        self.extended = session.extended
        self.received = 0
        """Bytes that the card has given."""
        self.on_answer: Callable[[], None] = lambda: None
        self._session = session
        self._out = out
        self._trace = trace
        self._mute = False

    def transmit(self, apdu: bytes) -> bytes:
        """Pass it on; the trace shows neither what VERIFY carries nor what the card gives. Raises CardMute besides."""
        since = time.perf_counter()
        answer = self._answered(apdu)
        if self._trace:
            ms = (time.perf_counter() - since) * 1000
            print(f"{ms:9.1f} ms    > {masked(apdu)}  < {_outcome(answer)}", file=self._out)
        self.received += len(answer)
        self.on_answer()
        return answer

    def close(self) -> None:
        """Power the card off; nothing to wait for where it answers no more."""
        if not self._mute:
            self._session.close()

    def _answered(self, apdu: bytes) -> bytes:
        """In a thread of its own, which nobody has to wait for: a driver may keep it for ever. Raises CardMute."""
        result: Future[bytes] = Future()

        def transmit() -> None:
            try:
                result.set_result(self._session.transmit(apdu))
            except BaseException as error:
                result.set_exception(error)

        threading.Thread(target=transmit, daemon=True).start()
        try:
            return result.result(ANSWER_S)
        except TimeoutError:
            self._mute = True
            raise CardMute from None


def masked(apdu: bytes) -> str:
    """A command in hexadecimal, without what VERIFY carries."""
    if len(apdu) > 4 and apdu[1] == Ins.VERIFY:
        return apdu[:4].hex().upper() + "**"
    return apdu.hex().upper()


def _outcome(answer: bytes) -> str:
    if not 2 <= len(answer) <= EXTENDED_LE + 2:
        return f"{len(answer)} byte"
    response = Response.parse(answer)
    return f"{meaning(response.sw)} +{len(response.data)}"
