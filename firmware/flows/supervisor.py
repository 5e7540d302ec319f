"""The process that lasts: it owns the link and the reader's keys, and starts one process for each patient.

It never sees a PIN, a photo or a picture; it sees a patient's certificate while it passes to the terminal.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from firmware.flows.events import EventLog
from firmware.flows.pipe import Message, PipeBroken, answer_calls
from firmware.flows.process import Child
from firmware.flows.signer import Signing, TokenSigner
from firmware.link.answers import LinkDown, Receipt, Settings
from firmware.link.journal import JournalDamaged, JournalUnavailable
from firmware.link.link import Link
from firmware.policy import japanese_day
from firmware.token.claims import Method

RESTART_S = 2.0
"""Pause before the next try when a visit's process could not serve anybody."""


@dataclass(frozen=True)
class _Opened:
    """A visit that the terminal knows: its nonce and settings, and the certificate once it is read."""

    nonce: bytes
    settings: Settings
    today: date
    """Whose rules decide what the patient is asked."""
    certificate: bytes = b""


class Supervisor:
    """Serves patients one after the other."""

    def __init__(self, link: Link, signer: TokenSigner, visit_command: Sequence[str], log: EventLog) -> None:
        self._link = link
        self._signer = signer
        self._visit_command = visit_command
        self._log = log
        self._deliveries: set[asyncio.Task[Message]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        waiting = await Child.start(self._visit_command)  # warmed up, until it is told to go
        try:
            while True:
                current, waiting = waiting, await Child.start(self._visit_command)
                try:
                    await self._serve(current)
                finally:
                    status = await current.end()
                if status != 0:
                    self._log.write("visit_process_failed", status=status)
                    await asyncio.sleep(RESTART_S)
        finally:
            await waiting.end()

    async def _serve(self, visit: Child) -> None:
        opened: dict[bytes, _Opened] = {}
        with contextlib.suppress(PipeBroken):
            await visit.pipe.send({"go": True})
            await answer_calls(visit.pipe, lambda question: self.answer(question, opened))

    async def answer(self, question: Message, opened: dict[bytes, _Opened]) -> Message:
        """Answer one question of a visit (`firmware.flows.host`); `opened` holds what this visit has opened."""
        try:
            match question["call"]:
                case "open_visit":
                    return await self._open_visit(opened)
                case "identify":
                    return await self._identify(question, opened)
                case "deliver":
                    delivery = asyncio.create_task(self._deliver(question, opened.pop(question["cti"])))
                    self._deliveries.add(delivery)  # it outlives the visit that asked for it
                    delivery.add_done_callback(self._deliveries.discard)
                    return await asyncio.shield(delivery)
                case "call_reception":
                    await self._link.call_reception()
                    return {}
                case "readiness":
                    return {"up": self._link.up, "keeps": self._link.keeps}
                case _:
                    raise ValueError("unknown call")
        except LinkDown as down:
            return {"silent": str(down)}
        except (JournalUnavailable, JournalDamaged):  # then nothing is signed; the link tells of it
            return {"silent": "nothing can be kept"}
        except Exception as error:  # a visit's process that has gone wrong harms itself alone, whatever it sends
            self._log.write("question_refused", reason=type(error).__name__)
            return {"silent": "not understood"}

    async def _open_visit(self, opened: dict[bytes, _Opened]) -> Message:
        settings = await self._link.settings()
        nonce = await self._link.open_visit()
        cti = os.urandom(16)
        today = japanese_day(self._link.host_time())
        opened[cti] = _Opened(nonce, settings, today)
        return {
            "bridge_id": settings.bridge_id,
            "nonce": nonce,
            "cti": cti,
            "facility": settings.facility_kind,
            "today": today.isoformat(),
        }

    async def _identify(self, question: Message, opened: dict[bytes, _Opened]) -> Message:
        visit = opened[question["cti"]]
        opened[question["cti"]] = replace(visit, certificate=question["certificate"])
        standing = await self._link.identify(question["certificate"])
        return {
            "registered": standing.registered,
            "certificate": standing.certificate,
            "validity": standing.validity,
            "ask_consents": standing.ask_consents,
            "ask_prescriptions": standing.ask_prescriptions,
        }

    def _deliver(self, question: Message, visit: _Opened) -> Coroutine[Any, Any, Message]:
        """Sign the visit into the journal, now; what is returned waits for the receipt, perhaps for days, and holds
        nothing of the visit but how long it took."""
        since = time.monotonic()
        signing = Signing(
            cti=question["cti"],
            bridge_id=visit.settings.bridge_id,
            sealing_key=visit.settings.sealing_key,
            nonce=visit.nonce,
            facility_key=visit.settings.facility_key,
            issued_at=self._link.host_time(),
            certificate=visit.certificate,
            method=Method(question["method"]),
            consents=question["consents"],
            policy_date=visit.today,
            evidence=question["evidence"],
        )

        def keep() -> None:
            kept = self._signer.sign(signing)
            self._log.write("record_journalled", cti=signing.cti.hex(), counter=kept.counter, bytes=kept.size)

        receipt = self._link.deliver(signing.cti, keep)
        return _delivered(receipt, since, time.monotonic())


async def _delivered(receipt: Awaitable[Receipt], since: float, signed: float) -> Message:
    """The answer to a delivery; `since` and `signed` in seconds of the monotonic clock."""
    last_word = await receipt
    return {
        "accepted": last_word.accepted,
        "refusal": last_word.refusal,
        "token_ms": (signed - since) * 1000,
        "host_ms": (time.monotonic() - signed) * 1000,
    }
