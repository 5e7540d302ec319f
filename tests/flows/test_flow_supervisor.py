"""The process that lasts: what it does with a visit's questions, whatever becomes of the visit."""

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_flow_signer import BRIDGE, NONCE, Keys

from firmware.flows.events import EventLog
from firmware.flows.pipe import Message
from firmware.flows.signer import Device, TokenSigner
from firmware.flows.supervisor import Supervisor
from firmware.link.answers import CertificateStatus, Receipt, Settings, Standing
from firmware.link.link import LinkDown
from firmware.token.claims import Claims
from firmware.token.cose import verify_token

EVENING = int(datetime(2026, 11, 23, 14, 59, tzinfo=UTC).timestamp())
"""One minute before midnight in Japan."""


@dataclass
class MemoryLink:
    """Link to a terminal in memory."""

    now: int = EVENING
    down: bool = False
    delivered: list[tuple[bytes, bytes]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def settings(self) -> Settings:
        return Settings(bridge_id=BRIDGE, facility_kind=1, facility_key=b"k" * 32, demo=True, now=self.now)

    def host_time(self) -> int:
        return self.now

    async def open_visit(self) -> bytes:
        if self.down:
            raise LinkDown("no answer in time")
        return NONCE

    async def identify(self, certificate: bytes) -> Standing:
        return Standing(True, CertificateStatus.GOOD, 1)

    async def deliver(self, token: bytes, evidence: bytes) -> Receipt:
        self.delivered.append((token, evidence))
        await self.answers.wait()
        return Receipt(b"c" * 16, True, None)

    async def call_reception(self) -> None:
        if self.down:
            raise LinkDown("no answer in time")


@dataclass
class Desk:
    """A supervisor, and what it is asked."""

    link: MemoryLink
    keys: Keys
    log: io.StringIO
    ask: Callable[[Message], asyncio.Task[Message]]

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.getvalue().splitlines()]

    def claims(self) -> Claims:
        return verify_token(self.link.delivered[0][0], BRIDGE, NONCE, self.keys.certificate)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    keys, log, link = Keys(), io.StringIO(), MemoryLink()
    device = Device(b"m" * 16, b"model", demo=True, firmware=b"f" * 32, face_model=b"g" * 32)
    signer = TokenSigner(keys, device, tmp_path / "counter.json")
    supervisor = Supervisor(link, signer, ("unused",), EventLog(log))  # type: ignore[arg-type]
    opened: dict[bytes, object] = {}
    return Desk(link, keys, log, lambda question: asyncio.create_task(supervisor.answer(question, opened)))  # type: ignore[arg-type]


async def opened(desk: Desk) -> Message:
    """A visit as far as its consents."""
    appointment = await desk.ask({"call": "open_visit"})
    await desk.ask({"call": "identify", "cti": appointment["cti"], "certificate": desk.keys.certificate})
    return appointment


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0)


def delivery(cti: bytes) -> Message:
    return {"call": "deliver", "cti": cti, "method": "pin", "consents": {1: True}, "evidence": b"evidence"}


async def test_a_token_is_signed_for_the_visit_that_was_opened_and_its_receipt_passed_on(desk: Desk) -> None:
    appointment = await opened(desk)
    desk.link.answers.set()
    answer = await desk.ask(delivery(appointment["cti"]))
    assert (answer["accepted"], answer["refusal"]) == (True, None)
    assert desk.claims().cti == appointment["cti"]
    assert desk.events() == ["token_signed", "token_receipt"]


async def test_the_policy_date_is_the_day_on_which_the_patient_was_asked(desk: Desk) -> None:
    appointment = await opened(desk)
    assert appointment["today"] == "2026-11-23"
    desk.link.now += 120  # past midnight in Japan
    desk.link.answers.set()
    await desk.ask(delivery(appointment["cti"]))
    assert desk.claims().policy_date.isoformat() == "2026-11-23"


async def test_a_delivery_goes_on_when_the_visit_that_asked_for_it_has_ended(desk: Desk) -> None:
    appointment = await opened(desk)
    asked = desk.ask(delivery(appointment["cti"]))
    await until(lambda: bool(desk.link.delivered))
    asked.cancel()
    await asyncio.wait({asked})
    desk.link.answers.set()
    await until(lambda: "token_receipt" in desk.events())


async def test_one_visit_gives_one_token_even_if_its_process_asks_twice(desk: Desk) -> None:
    appointment = await opened(desk)
    desk.link.answers.set()
    await desk.ask(delivery(appointment["cti"]))
    assert await desk.ask(delivery(appointment["cti"])) == {"silent": "not understood"}
    assert len(desk.link.delivered) == 1


async def test_a_full_disk_signs_nothing_and_says_so_without_ending_the_reader(desk: Desk, tmp_path: Path) -> None:
    appointment = await opened(desk)
    (tmp_path / "counter.new").mkdir()  # no file can be written there
    assert await desk.ask(delivery(appointment["cti"])) == {"silent": "nothing can be signed"}
    assert (desk.link.delivered, desk.events()) == ([], ["token_unsigned"])


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"call": "format the disk"},
        {"call": "identify", "cti": b"unknown", "certificate": b""},
        {"call": "deliver", "cti": b"unknown"},
    ],
    ids=["empty", "unknown call", "unknown visit", "delivery of nothing"],
)
async def test_a_visit_process_gone_wrong_harms_nobody_else(desk: Desk, question: Message) -> None:
    assert "silent" in await desk.ask(question)
    assert desk.events() == ["question_refused"]


async def test_a_certificate_that_is_none_is_not_signed_for(desk: Desk) -> None:
    appointment = await desk.ask({"call": "open_visit"})
    await desk.ask({"call": "identify", "cti": appointment["cti"], "certificate": b"no certificate"})
    assert await desk.ask(delivery(appointment["cti"])) == {"silent": "not understood"}
    assert desk.link.delivered == []


async def test_without_a_link_questions_end_as_silence(desk: Desk) -> None:
    desk.link.down = True
    assert await desk.ask({"call": "open_visit"}) == {"silent": "no answer in time"}
    assert await desk.ask({"call": "call_reception"}) == {"silent": "no answer in time"}
