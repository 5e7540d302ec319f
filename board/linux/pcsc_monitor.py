"""A thread that knows which readers have a card, through SCardGetStatusChange (pcsc-lite's winscard.h).

It outlives the daemon and any reader: pyscard's own monitor ends in silence when pcscd is restarted.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from smartcard import scard

from board.contracts import CardFault, CardGone
from board.linux.winscard import check_result, context, readers

LOOK_S: Final = 0.5
"""How often the list of readers is read again, and a missing daemon looked for."""


class Placed(NamedTuple):
    """One card on one reader, from being placed to being lifted."""

    reader: str
    events: int
    """pcscd's count of cards placed and lifted there: two cards are never taken for one, however fast the hand."""


Cards = tuple[Placed, ...]


class Monitor:
    """The cards on all readers whose names contain `name`."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.cards: Cards = ()
        self._name = name
        self._loop = loop
        self._seen_first = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = threading.Event()
        self._context: Any = None
        self._thread = threading.Thread(target=self._run, name="pcsc-monitor", daemon=True)
        self._thread.start()

    async def until(self, wanted: Callable[[Cards], bool]) -> None:
        """Return once the cards are as wanted."""
        await self._seen_first.wait()
        while not wanted(self.cards):
            await self._changed.wait()

    def stop(self) -> None:
        """Blocking, at most for one look."""
        self._stopping.set()
        established = self._context
        if established is not None:
            scard.SCardCancel(established)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with context() as self._context:
                    self._follow(self._context)
            except (CardGone, CardFault):
                self._report(())
                self._stopping.wait(LOOK_S)
            finally:
                self._context = None

    def _follow(self, established: Any) -> None:
        """Report changes until the daemon goes. Raises CardGone, CardFault."""
        states: dict[str, int] = {}
        while not self._stopping.is_set():
            found = readers(established, self._name)
            states = {reader: states.get(reader, scard.SCARD_STATE_UNAWARE) for reader in found}
            if not found:
                self._report(())
                self._stopping.wait(LOOK_S)
                continue
            result, news = scard.SCardGetStatusChange(established, int(LOOK_S * 1000), list(states.items()))
            if result == scard.SCARD_E_UNKNOWN_READER:  # one of them went just now; the others' cards lie there still
                continue
            if result not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
                check_result(result)
            if result == scard.SCARD_S_SUCCESS:
                states = {reader: state & ~scard.SCARD_STATE_CHANGED for reader, state, _ in news}
            self._report(
                tuple(
                    Placed(reader, state >> 16) for reader, state in states.items() if state & scard.SCARD_STATE_PRESENT
                )
            )

    def _report(self, cards: Cards) -> None:
        with suppress(RuntimeError):  # the loop has ended; nobody listens any more
            self._loop.call_soon_threadsafe(self._set, cards)

    def _set(self, cards: Cards) -> None:
        self.cards = cards
        self._seen_first.set()
        self._changed.set()
        self._changed = asyncio.Event()
