"""The virtual tray: one card at a time before vpcd's first slot, placed and lifted over a Unix socket.

One JSON object a line each way:

    {"do": "place", "card": persona or folder}      answered once the reader has the card; with "surface": base64 of
                                                    another EF 0002 than the folder's, which is kept in memory alone
    {"do": "lift"}
    {"do": "lift_after", "bytes": N}                lifted instead of giving the answer that completes N bytes of data
    {"do": "lift_after", "commands": N, "ins": "B0"}  lifted instead of answering the Nth command; "ins" may be left out
    {"do": "mute_after", "commands": N}             lies there and never answers again instead of answering the Nth
    {"do": "status"}

    {"ok": true, "card": name or null, "commands": answered by this card, "forbidden": of them where none may look,
     "busy_ms": what they took it, from the arrival of each to its answer}
    {"ok": false, "error": text}
"""

import asyncio
import json
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from board.sim.card.chip import VirtualCard
from board.sim.card.data import COUNTERS, CardData
from board.sim.card.files import Counters
from board.sim.card.radio import Radio
from board.sim.card.trace import Trace
from board.sim.card.vpcd import converse

LINE_CAP = 65536
"""An EF 0002 of the largest size fits, in base64."""
PATIENCE_S = 10.0
"""A reader that has not taken the card by then is not there."""
AWAY_S = 0.8
"""A tray stays empty for so long. pcscd looks every 0.4 s: a card exchanged between two looks is not seen to have left,
and if a client noticed first, pcscd never sees the next card."""
_RETRY_S = 0.05
_COARSE_S, _FINE_S = 0.002, 0.0002
"""What the event loop's timer and the kernel's may be late by."""


class TrayRefused(Exception):
    """The tray cannot do that; the text says why."""


class _Lifted(Exception):
    """The card leaves the field."""


@dataclass
class _LiftAfter:
    """A card that will be pulled away."""

    data: int | None = None
    """Bytes of data up to the answer that it does not give any more."""
    commands: int | None = None
    """Commands up to the one it does not get any more."""
    ins: int | None = None
    """Counts only these."""

    def before(self, apdu: bytes) -> None:
        if self.commands is not None and self.ins in (None, apdu[1]):
            self.commands -= 1
            if self.commands <= 0:
                raise _Lifted

    def after(self, answer: bytes) -> None:
        if self.data is not None:
            self.data -= len(answer) - 2
            if self.data <= 0:
                raise _Lifted


class TrayServer:
    """A tray before vpcd at `address`. Card folders are looked up by persona under `cards`.

    `kbit_s`: the rate of the radio of cards that name none; None: answers come as fast as they are made.
    `select_ends_security`: whether selecting another application ends what stands verified, which is not known.
    """

    def __init__(
        self,
        address: tuple[str, int],
        cards: Path | None,
        trace: Trace,
        *,
        kbit_s: int | None = None,
        select_ends_security: bool = False,
    ) -> None:
        self._address = address
        self._cards = cards
        self._trace = trace
        self._kbit_s = kbit_s
        self._select_ends_security = select_ends_security
        self._radio: Radio | None = None
        self._sign_s = 0.0
        self._busy_s = 0.0
        self._mute_after: int | None = None
        self._name: str | None = None
        self._card: VirtualCard | None = None
        self._lying: asyncio.Task[None] | None = None
        self._taken = asyncio.Event()
        self._empty_since = time.monotonic() - AWAY_S
        self._lift_after = _LiftAfter()

    def place(self, name: str, surface: bytes | None = None) -> None:
        """Put a card on the tray, perhaps with another EF 0002; it stays through restarts of the reader.

        Raises TrayRefused.
        """
        if self._lying is not None and not self._lying.done():
            raise TrayRefused("a card lies on the tray")
        folder = self._cards / name if self._cards and (self._cards / name).is_dir() else Path(name)
        try:
            data = CardData.load(folder)
        except (OSError, ValueError, KeyError) as error:
            raise TrayRefused(f"{name} is no card: {type(error).__name__}") from error
        if surface is not None:
            data = replace(data, surface=surface)
        kbit_s = data.manner.kbit_s or self._kbit_s
        self._radio = Radio(kbit_s) if kbit_s else None
        self._sign_s, self._busy_s, self._mute_after = data.manner.sign_ms / 1000, 0.0, None
        self._name, self._lift_after = folder.name, _LiftAfter(data=data.manner.lift_after_bytes)
        self._card = VirtualCard(
            data, Counters(folder / COUNTERS), self._trace, select_ends_security=self._select_ends_security
        )
        self._taken.clear()
        self._trace.event(f"placed {folder.name}")
        self._lying = asyncio.create_task(self._lie(self._card))

    async def taken(self) -> None:
        """Return once the reader has the card. Raises TrayRefused."""
        try:
            await asyncio.wait_for(self._taken.wait(), PATIENCE_S)
        except TimeoutError:
            await self.lift()
            host, port = self._address
            raise TrayRefused(f"no virtual reader answers at {host}:{port}: does pcscd run, with vpcd?") from None

    async def lift(self) -> None:
        """Take the card away, if one lies there."""
        if self._lying is not None:
            self._lying.cancel()
            await asyncio.wait({self._lying})

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client of the control socket."""
        try:
            while line := await reader.readline():
                try:
                    reply = {"ok": True} | await self._obey(json.loads(line))
                except TrayRefused as refused:
                    reply = {"ok": False, "error": str(refused)}
                except (ValueError, TypeError, KeyError) as error:
                    reply = {"ok": False, "error": f"not understood: {type(error).__name__}"}
                except OSError as error:
                    reply = {"ok": False, "error": str(error)}
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the other end has gone, or sent a line beyond the cap
        finally:
            writer.close()

    async def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "place":
                self.place(str(order["card"]), b64decode(order["surface"]) if "surface" in order else None)
                await self.taken()
            case "lift":
                await self.lift()
            case "lift_after" if "bytes" in order:
                self._lift_after = _LiftAfter(data=int(order["bytes"]))
            case "lift_after":
                ins = int(order["ins"], 16) if "ins" in order else None
                self._lift_after = _LiftAfter(commands=int(order["commands"]), ins=ins)
            case "mute_after":
                self._mute_after = int(order["commands"])
            case "status":
                pass
            case _:
                raise TrayRefused("unknown order")
        return self._status()

    def _status(self) -> dict[str, Any]:
        lies = self._lying is not None and not self._lying.done()
        return {
            "card": self._name if lies else None,
            "commands": self._card.commands if self._card else 0,
            "forbidden": self._card.forbidden if self._card else 0,
            "busy_ms": self._busy_s * 1000,
        }

    async def _lie(self, card: VirtualCard) -> None:
        """Lie before the reader until lifted; a reader that went away is waited for."""
        try:
            await asyncio.sleep(self._empty_since + AWAY_S - time.monotonic())
            while True:
                with suppress(OSError, asyncio.IncompleteReadError):
                    await self._be_read(card)
                await asyncio.sleep(_RETRY_S)
        except _Lifted:
            pass
        finally:
            self._empty_since = time.monotonic()
            self._trace.event("lifted")

    async def _be_read(self, card: VirtualCard) -> None:
        reader, writer = await asyncio.open_connection(*self._address)
        self._taken.set()
        try:
            await converse(card, reader, writer, lambda apdu: self._transmit(card, apdu))
        finally:
            writer.close()
            card.power_off()

    async def _transmit(self, card: VirtualCard, apdu: bytes) -> bytes:
        """Answer when the radio would have brought the answer. Raises _Lifted."""
        since = time.perf_counter()
        self._lift_after.before(apdu)
        if self._mute_after is not None:
            self._mute_after -= 1
            if self._mute_after <= 0:
                await asyncio.Future()  # until it is lifted
        signatures = card.signatures
        answer = card.transmit(apdu)
        self._lift_after.after(answer)
        takes = self._radio.exchange_s(len(apdu), len(answer)) if self._radio else 0.0
        await _until(since + takes + self._sign_s * (card.signatures - signatures))
        self._busy_s += time.perf_counter() - since
        return answer


async def _until(when: float) -> None:
    """Return at a time of `perf_counter`. The loop's own clock is a millisecond coarse, which is a command's time."""
    while (left := when - time.perf_counter()) > 0:
        if left > _COARSE_S:
            await asyncio.sleep(left - _COARSE_S)
        elif left > _FINE_S:
            time.sleep(left - _FINE_S)
