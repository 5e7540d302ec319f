"""Card readers through PC/SC, that is pcscd (PC/SC workgroup specification parts 5 and 10; pcsc-lite's winscard.h)."""

import asyncio
import struct
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from smartcard import scard

from board.contracts import CardFault, CardGone, CardInUse, ReaderAbsent
from board.linux.pcsc_monitor import Cards, Monitor, Placed
from board.linux.winscard import check_result, context, establish, readers

IN_USE_S: Final = 3.0
"""How long a card that another program holds is waited for: the other's one session ends in less."""
_RETRY_S: Final = 0.1
_GET_FEATURE_REQUEST: Final = scard.SCARD_CTL_CODE(3400)
_FEATURE_GET_TLV_PROPERTIES: Final = 0x12
_MAX_APDU_DATA_SIZE: Final = 0x0A


class PcscReader:
    """The first reader with a card, of those whose name contains `name`. Implements CardReader.

    Any number of readers may come and go, and the daemon too. From `connect` until that card is lifted, the other
    readers' cards do not matter.
    """

    def __init__(self, name: str = "", *, extended: bool = False) -> None:
        """`extended`: whether extended APDUs may be tried on a reader that does not say if it passes them."""
        self._name = name
        self._extended = extended
        self._monitor: Monitor | None = None
        self._served: Placed | None = None
        self._threads = ThreadPoolExecutor(2, "pcsc")

    async def check(self) -> None:
        """Return if a daemon and a reader are there. Raises ReaderAbsent; for a start-up check and the technician."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _check, self._name)

    async def inserted(self) -> None:
        """Return once a card lies on the tray."""
        await self._monitoring().until(bool)

    async def removed(self) -> None:
        """Return once the card that was connected to is gone; before any was, once no card lies on any tray."""
        await self._monitoring().until(self._gone)

    async def connect(self) -> "PcscSession":
        """Begin an exclusive session with the card that lies there. Raises CardGone, CardInUse, CardFault."""
        cards = self._monitoring().cards
        if not cards:
            raise CardGone
        self._served = next((card for card in cards if card == self._served), cards[0])
        session = self._threads.submit(PcscSession, self._served.reader, extended=self._extended)
        try:
            return await asyncio.shield(asyncio.wrap_future(session))
        except asyncio.CancelledError:
            session.add_done_callback(_close_unwanted)
            raise

    async def close(self) -> None:
        """Stop watching."""
        if self._monitor is not None:
            monitor, self._monitor = self._monitor, None
            await asyncio.get_running_loop().run_in_executor(self._threads, monitor.stop)
        self._threads.shutdown(wait=False)

    def _monitoring(self) -> Monitor:
        if self._monitor is None:
            self._monitor = Monitor(self._name, asyncio.get_running_loop())
        return self._monitor

    def _gone(self, cards: Cards) -> bool:
        return self._served not in cards if self._served else not cards


class PcscSession:
    """An exclusive conversation with one card. Implements CardSession. Any one thread at a time."""

    def __init__(self, reader: str, *, extended: bool) -> None:
        """Power the card on, once no other program holds it. Blocking. Raises CardGone, CardInUse, CardFault."""
        self.reader = reader
        self._context = establish()
        self._card: Any = None
        try:
            self._connect()
            result, _, _, _, atr = scard.SCardStatus(self._card)
            check_result(result)
            self.atr = bytes(atr)
            largest = _largest_apdu(self._card)
            self.extended = extended if largest is None else largest > 256
        except BaseException:
            self.close()
            raise

    def transmit(self, apdu: bytes) -> bytes:
        """Send one command APDU, return data and status. Blocking. Raises CardGone, CardFault."""
        if self._card is None:
            raise CardGone
        result, answer = scard.SCardTransmit(self._card, self._pci, list(apdu))
        check_result(result)
        if not answer:  # vpcd, when the card leaves before it has answered
            raise CardGone
        return bytes(answer)

    def close(self) -> None:
        """Power the card off, so that no verified PIN outlives the session."""
        card, self._card = self._card, None
        if card is not None:
            scard.SCardDisconnect(card, scard.SCARD_UNPOWER_CARD)
        established, self._context = self._context, None
        if established is not None:
            scard.SCardReleaseContext(established)

    def _connect(self) -> None:
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        give_up = time.monotonic() + IN_USE_S
        while True:
            answer = scard.SCardConnect(self._context, self.reader, scard.SCARD_SHARE_EXCLUSIVE, protocols)
            try:
                check_result(answer[0])
                break
            except CardInUse:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_S)
        self._card, _ = answer[1:]
        # a session that was killed may have left a PIN verified on a card that still lies there
        result, protocol = scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_EXCLUSIVE, protocols, scard.SCARD_UNPOWER_CARD
        )
        check_result(result)
        self._pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0


def _check(name: str) -> None:
    try:
        with context() as established:
            present = readers(established, "")
    except (CardGone, CardFault):
        raise ReaderAbsent("pcscd does not answer: is its service running?") from None
    if not present:
        raise ReaderAbsent("no card reader is attached")
    if not any(name in reader for reader in present):
        raise ReaderAbsent(f"no card reader {name!r} is attached; there is {', '.join(present)}")


def _close_unwanted(session: "Future[PcscSession]") -> None:
    """The one who asked for the session has gone."""
    if not session.cancelled() and session.exception() is None:
        session.result().close()


def _largest_apdu(card: Any) -> int | None:
    """Bytes of data in the largest APDU, as the reader says (PC/SC part 10, dwMaxAPDUDataSize); None if it does not.

    CCID readers do, through their driver; vpcd does not.
    """
    result, features = scard.SCardControl(card, _GET_FEATURE_REQUEST, [])
    if result != scard.SCARD_S_SUCCESS:
        return None
    control = _tlvs(bytes(features)).get(_FEATURE_GET_TLV_PROPERTIES)
    if control is None or len(control) != 4:
        return None
    result, properties = scard.SCardControl(card, struct.unpack(">I", control)[0], [])
    size = _tlvs(bytes(properties)).get(_MAX_APDU_DATA_SIZE) if result == scard.SCARD_S_SUCCESS else None
    return None if size is None else int.from_bytes(size, "little")


def _tlvs(encoded: bytes) -> dict[int, bytes]:
    """Objects of one byte of tag and one of length (PC/SC part 10 section 2.2)."""
    found = {}
    while len(encoded) >= 2:
        tag, length = encoded[0], encoded[1]
        found[tag] = encoded[2 : 2 + length]
        encoded = encoded[2 + length :]
    return found
