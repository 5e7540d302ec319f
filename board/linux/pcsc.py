"""Card readers through PC/SC, that is pcscd (PC/SC workgroup specification parts 5 and 10; pcsc-lite's winscard.h)."""

import asyncio
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from smartcard import scard

from board.contracts import CardFault, CardGone, ReaderAbsent

_LOOK_S: Final = 0.5
"""How often the list of readers is read again, and a missing daemon looked for."""
_GONE: Final = frozenset(
    (
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_NOT_TRANSACTED,  # what the first command after a removal meets
        scard.SCARD_E_READER_UNAVAILABLE,
        scard.SCARD_E_UNKNOWN_READER,
        scard.SCARD_E_NO_READERS_AVAILABLE,
        scard.SCARD_E_NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED,
        scard.SCARD_E_INVALID_HANDLE,  # the daemon was restarted
        scard.SCARD_F_COMM_ERROR,  # the daemon died meanwhile
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
    )
)
"""Whatever of this happens, the session is over and the card has to be looked for again."""
_GET_FEATURE_REQUEST: Final = scard.SCARD_CTL_CODE(3400)
_FEATURE_GET_TLV_PROPERTIES: Final = 0x12
_MAX_APDU_DATA_SIZE: Final = 0x0A


class PcscReader:
    """The first reader with a card, of those whose name contains `name`. Implements CardReader.

    Any number of readers may come and go, and the daemon too.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._watch: _Watch | None = None
        self._threads = ThreadPoolExecutor(2, "pcsc")

    async def check(self) -> None:
        """Return if a daemon and a reader are there. Raises ReaderAbsent; for a start-up check and the technician."""
        await asyncio.get_running_loop().run_in_executor(self._threads, _check, self._name)

    async def inserted(self) -> None:
        """Return once a card lies on the tray."""
        await self._watching().until(lambda reader: reader is not None)

    async def removed(self) -> None:
        """Return once no card lies on the tray."""
        await self._watching().until(lambda reader: reader is None)

    async def connect(self) -> "PcscSession":
        """Begin an exclusive session with the card that lies there. Raises CardGone, CardFault."""
        reader = self._watching().reader
        if reader is None:
            raise CardGone
        session = self._threads.submit(PcscSession, reader)
        try:
            return await asyncio.shield(asyncio.wrap_future(session))
        except asyncio.CancelledError:
            session.add_done_callback(_close_unwanted)
            raise

    async def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            watch, self._watch = self._watch, None
            await asyncio.get_running_loop().run_in_executor(self._threads, watch.stop)
        self._threads.shutdown(wait=False)

    def _watching(self) -> "_Watch":
        if self._watch is None:
            self._watch = _Watch(self._name, asyncio.get_running_loop())
        return self._watch


class PcscSession:
    """An exclusive conversation with one card. Implements CardSession. Any one thread at a time."""

    def __init__(self, reader: str) -> None:
        """Power the card on. Raises CardGone, CardFault."""
        self._context = _established()
        self._card: Any = None
        try:
            protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
            answer = scard.SCardConnect(self._context, reader, scard.SCARD_SHARE_EXCLUSIVE, protocols)
            _check_result(answer[0])
            self._card, protocol = answer[1:]
            self._pci = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
            result, _, _, _, atr = scard.SCardStatus(self._card)
            _check_result(result)
            self.atr = bytes(atr)
            self.extended = _passes_extended(self._card)
        except BaseException:
            self.close()
            raise

    def transmit(self, apdu: bytes) -> bytes:
        """Send one command APDU, return data and status. Blocking. Raises CardGone, CardFault."""
        if self._card is None:
            raise CardGone
        result, answer = scard.SCardTransmit(self._card, self._pci, list(apdu))
        _check_result(result)
        if not answer:  # vpcd, when the card leaves before it has answered
            raise CardGone
        return bytes(answer)

    def close(self) -> None:
        """Power the card off, so that no verified PIN outlives the session."""
        card, self._card = self._card, None
        if card is not None:
            scard.SCardDisconnect(card, scard.SCARD_UNPOWER_CARD)
        context, self._context = self._context, None
        if context is not None:
            scard.SCardReleaseContext(context)


class _Watch:
    """A thread that knows which reader has a card. It outlives the daemon and any reader."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.reader: str | None = None
        self._name = name
        self._loop = loop
        self._seen_first = asyncio.Event()
        self._changed = asyncio.Event()
        self._stopping = threading.Event()
        self._context: Any = None
        self._thread = threading.Thread(target=self._run, name="pcsc-watch", daemon=True)
        self._thread.start()

    async def until(self, wanted: Callable[[str | None], bool]) -> None:
        """Return once the reader with a card, or None, is as wanted."""
        await self._seen_first.wait()
        while not wanted(self.reader):
            await self._changed.wait()

    def stop(self) -> None:
        """Blocking, at most for one look."""
        self._stopping.set()
        context = self._context
        if context is not None:
            scard.SCardCancel(context)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._context = _established()
                self._follow(self._context)
            except (CardGone, CardFault):
                self._report(None)
                self._stopping.wait(_LOOK_S)
            finally:
                context, self._context = self._context, None
                if context is not None:
                    scard.SCardReleaseContext(context)

    def _follow(self, context: Any) -> None:
        """Report changes until the daemon or the list of readers changes. Raises CardGone, CardFault."""
        states: dict[str, int] = {}
        while not self._stopping.is_set():
            readers = _readers(context, self._name)
            states = {reader: states.get(reader, scard.SCARD_STATE_UNAWARE) for reader in readers}
            if not readers:
                self._report(None)
                self._stopping.wait(_LOOK_S)
                continue
            result, news = scard.SCardGetStatusChange(context, int(_LOOK_S * 1000), list(states.items()))
            if result != scard.SCARD_E_TIMEOUT:
                _check_result(result)
                states = {reader: state & ~scard.SCARD_STATE_CHANGED for reader, state, _ in news}
                self._report(next((one for one, state in states.items() if state & scard.SCARD_STATE_PRESENT), None))

    def _report(self, reader: str | None) -> None:
        with suppress(RuntimeError):  # the loop has ended; nobody listens any more
            self._loop.call_soon_threadsafe(self._set, reader)

    def _set(self, reader: str | None) -> None:
        self.reader = reader
        self._seen_first.set()
        self._changed.set()
        self._changed = asyncio.Event()


def _check(name: str) -> None:
    try:
        context = _established()
    except (CardGone, CardFault):
        raise ReaderAbsent("pcscd does not answer: is its service running?") from None
    try:
        try:
            readers = _readers(context, name)
        except (CardGone, CardFault):
            raise ReaderAbsent("pcscd has just ended: is its service running?") from None
        if not readers:
            raise ReaderAbsent(f"no card reader {name!r} is attached" if name else "no card reader is attached")
    finally:
        scard.SCardReleaseContext(context)


def _close_unwanted(session: "Future[PcscSession]") -> None:
    """The one who asked for the session has gone."""
    if not session.cancelled() and session.exception() is None:
        session.result().close()


def _established() -> Any:
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _check_result(result)
    return context


def _readers(context: Any, name: str) -> list[str]:
    result, readers = scard.SCardListReaders(context, [])
    if result == scard.SCARD_E_NO_READERS_AVAILABLE:
        return []
    _check_result(result)
    return [reader for reader in readers if name in reader]


def _passes_extended(card: Any) -> bool:
    """Whether the reader says it takes APDUs with more than 256 bytes (PC/SC part 10, dwMaxAPDUDataSize).

    Some take them without saying so; they get short ones.
    """
    result, features = scard.SCardControl(card, _GET_FEATURE_REQUEST, [])
    if result != scard.SCARD_S_SUCCESS:
        return False
    control = _tlvs(bytes(features)).get(_FEATURE_GET_TLV_PROPERTIES)
    if control is None or len(control) != 4:
        return False
    result, properties = scard.SCardControl(card, struct.unpack(">I", control)[0], [])
    size = _tlvs(bytes(properties)).get(_MAX_APDU_DATA_SIZE) if result == scard.SCARD_S_SUCCESS else None
    return size is not None and int.from_bytes(size, "little") > 256


def _tlvs(encoded: bytes) -> dict[int, bytes]:
    """Objects of one byte of tag and one of length (PC/SC part 10 section 2.2)."""
    found = {}
    while len(encoded) >= 2:
        tag, length = encoded[0], encoded[1]
        found[tag] = encoded[2 : 2 + length]
        encoded = encoded[2 + length :]
    return found


def _check_result(result: int) -> None:
    if result == scard.SCARD_S_SUCCESS:
        return
    if result in _GONE:
        raise CardGone
    raise CardFault(f"PC/SC {result & 0xFFFFFFFF:08X}: {scard.SCardGetErrorMessage(result)}")
