"""The process that lasts: what it does with a visit's questions, whatever becomes of the visit."""

import asyncio
import gc
import io
import json
import resource
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_flow_signer import BRIDGE, DEVICE, NONCE, PRIVATE, PUBLIC, Keys

from firmware.flows.events import EventLog
from firmware.flows.pipe import Message
from firmware.flows.signer import TokenSigner
from firmware.flows.supervisor import Supervisor
from firmware.link.answers import CertificateStatus, LinkDown, Receipt, Settings, Standing
from firmware.link.journal import Journal
from firmware.token.claims import Claims
from firmware.token.cose import verify_token
from firmware.token.record import open_record

EVENING = int(datetime(2026, 11, 23, 14, 59, tzinfo=UTC).timestamp())
"""One minute before midnight in Japan."""


@dataclass
class MemoryLink:
    """Link to a terminal in memory."""

    journal: Journal
    now: int = EVENING
    down: bool = False
    up: bool = True
    keeps: bool = True
    delivered: list[bytes] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def settings(self) -> Settings:
        return Settings(BRIDGE, b"k" * 32, PUBLIC, 1, True, False, False, False, self.now)

    def host_time(self) -> int:
        return self.now

    async def open_visit(self) -> bytes:
        if self.down:
            raise LinkDown("no answer in time")
        return NONCE

    async def identify(self, certificate: bytes) -> Standing:
        return Standing(True, CertificateStatus.GOOD, 1, True, False)

    def deliver(self, cti: bytes, keep: Callable[[], None]) -> Awaitable[Receipt]:
        keep()
        record = self.journal.oldest()
        assert record is not None and record.cti == cti
        self.delivered.append(open_record(PRIVATE, BRIDGE, record.sealed)[0])
        return self.receipt(cti)

    async def receipt(self, cti: bytes) -> Receipt:
        await self.answers.wait()
        return Receipt(cti, True, None)

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
    supervisor: Supervisor

    @property
    def supervised(self) -> int:
        """Deliveries that go on."""
        return len(self.supervisor._deliveries)

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.log.getvalue().splitlines()]

    def claims(self) -> Claims:
        return verify_token(self.link.delivered[0], BRIDGE, NONCE, self.keys.certificate)


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    journal = Journal.make(tmp_path / "journal.db")
    keys, log, link = Keys(), io.StringIO(), MemoryLink(journal)
    signer = TokenSigner(keys, DEVICE, journal)
    supervisor = Supervisor(link, signer, ("unused",), EventLog(log))  # type: ignore[arg-type]
    opened: dict[bytes, object] = {}
    return Desk(link, keys, log, lambda question: asyncio.create_task(supervisor.answer(question, opened)), supervisor)  # type: ignore[arg-type]


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
    assert desk.events() == ["record_journalled"]
    assert answer["token_ms"] > 0 and answer["host_ms"] > 0


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
    assert desk.supervised == 1
    desk.link.answers.set()
    await until(lambda: desk.supervised == 0)


async def test_what_waits_for_a_receipt_after_its_visit_has_ended_holds_nothing_of_it(desk: Desk) -> None:
    """The terminal may be away for a week."""
    certificate, evidence = (bytes(bytearray(one)) for one in (desk.keys.certificate, b"evidence"))
    cti = (await desk.ask({"call": "open_visit"}))["cti"]
    await desk.ask({"call": "identify", "cti": cti, "certificate": certificate})
    asked = desk.ask({**delivery(cti), "evidence": evidence})
    await until(lambda: bool(desk.link.delivered))
    asked.cancel()
    await asyncio.wait({asked})
    assert desk.supervised == 1
    del asked
    gc.collect()
    alone = sys.getrefcount(bytes(bytearray(b"of nobody else's"))) + 1
    assert (sys.getrefcount(certificate), sys.getrefcount(evidence)) == (alone, alone)


async def test_one_visit_gives_one_token_even_if_its_process_asks_twice(desk: Desk) -> None:
    appointment = await opened(desk)
    desk.link.answers.set()
    await desk.ask(delivery(appointment["cti"]))
    assert await desk.ask(delivery(appointment["cti"])) == {"silent": "not understood"}
    assert len(desk.link.delivered) == 1


async def test_a_full_disk_signs_nothing_and_says_so_without_ending_the_reader(desk: Desk) -> None:
    appointment = await opened(desk)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        assert await desk.ask(delivery(appointment["cti"])) == {"silent": "nothing can be kept"}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert desk.link.delivered == []
    desk.link.answers.set()
    assert (await desk.ask(delivery((await opened(desk))["cti"])))["accepted"]


async def test_a_visit_is_told_whether_it_can_end_well(desk: Desk) -> None:
    assert await desk.ask({"call": "readiness"}) == {"up": True, "keeps": True}
    desk.link.up = desk.link.keeps = False
    assert await desk.ask({"call": "readiness"}) == {"up": False, "keeps": False}


async def test_a_visit_learns_what_may_be_asked(desk: Desk) -> None:
    appointment = await desk.ask({"call": "open_visit"})
    standing = await desk.ask({"call": "identify", "cti": appointment["cti"], "certificate": desk.keys.certificate})
    assert (standing["ask_consents"], standing["ask_prescriptions"]) == (True, False)


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"call": "format the disk"},
        {"call": "identify", "cti": b"unknown", "certificate": b""},
        {"call": "deliver", "cti": b"unknown"},
        {"call": ["open_visit"], "cti": {}},
    ],
    ids=["empty", "unknown call", "unknown visit", "delivery of nothing", "call that is a list"],
)
async def test_a_visit_process_gone_wrong_harms_nobody_else(desk: Desk, question: Message) -> None:
    assert "silent" in await desk.ask(question)
    assert desk.events() == ["question_refused"]


@pytest.mark.parametrize("consents", [[1], 1, {1: "yes"}, {2**70: True}], ids=["list", "number", "words", "beyond"])
async def test_a_visit_process_whose_consents_are_none_gets_no_token(desk: Desk, consents: object) -> None:
    appointment = await opened(desk)
    answer = await desk.ask({**delivery(appointment["cti"]), "consents": consents})
    assert answer == {"silent": "not understood"}
    assert desk.link.delivered == [] and desk.link.journal.last()[0] == 0


async def test_a_surprise_while_one_visit_is_served_does_not_end_the_reader(desk: Desk) -> None:
    desk.link.now = 2**63  # beyond every calendar
    assert await desk.ask({"call": "open_visit"}) == {"silent": "not understood"}
    assert desk.events() == ["question_refused"]
    desk.link.now = EVENING
    assert "nonce" in await desk.ask({"call": "open_visit"})


async def test_a_certificate_that_is_none_is_not_signed_for(desk: Desk) -> None:
    appointment = await desk.ask({"call": "open_visit"})
    await desk.ask({"call": "identify", "cti": appointment["cti"], "certificate": b"no certificate"})
    assert await desk.ask(delivery(appointment["cti"])) == {"silent": "not understood"}
    assert desk.link.delivered == []


async def test_without_a_link_questions_end_as_silence(desk: Desk) -> None:
    desk.link.down = True
    assert await desk.ask({"call": "open_visit"}) == {"silent": "no answer in time"}
    assert await desk.ask({"call": "call_reception"}) == {"silent": "no answer in time"}
