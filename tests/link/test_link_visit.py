"""A visit's questions over the virtual cable."""

import asyncio
import time
from datetime import date
from hashlib import sha256

import pytest
from link_bench import NOW, SERIAL, Bench, Heard, local

from firmware.link.answers import CertificateStatus, LinkDown, PasscodeChecked, Prescription, Verdict
from firmware.link.journal import JournalUnavailable
from firmware.wire.messages import DELIVER, LIMITS_MS, Malformed

TOKEN = bytes(range(250)) * 3
EVIDENCE = bytes(range(256)) * 18


async def test_settings_and_host_time_come_with_the_connection(bench: Bench) -> None:
    async with bench.bridge(), bench.reader(Heard()) as reader:
        settings = await reader.link.settings()
        assert (settings.bridge_id, settings.facility_kind, settings.demo) == (bench.identity.bridge_id, 1, True)
        assert settings.facility_key == bytes(range(32))
        assert NOW <= reader.link.host_time() < NOW + 60
        assert reader.link.up


async def test_a_visit_is_opened_identified_and_delivered(bench: Bench) -> None:
    async with bench.bridge(), bench.reader(Heard()) as reader:
        assert await reader.link.open_visit() == SERIAL.encode().ljust(32, b".")
        standing = await reader.link.identify(b"revoked")
        assert (standing.registered, standing.certificate, standing.validity) == (True, CertificateStatus.REVOKED, 1)
        assert (standing.ask_consents, standing.ask_prescriptions) == (True, False)
        receipt = await reader.deliver(TOKEN, EVIDENCE)
        assert (receipt.cti, receipt.accepted, receipt.refusal) == (TOKEN[:16], True, None)
        await reader.link.call_reception()
    assert bench.desk.stored == [TOKEN]
    assert bench.desk.called == [SERIAL]
    assert bench.desk.chains == [list(local(bench.keys).chain())]


async def test_a_record_that_could_not_be_kept_is_told_of_and_so_is_that_the_next_one_can_be(bench: Bench) -> None:
    heard = Heard()
    async with bench.bridge(), bench.reader(heard) as reader:
        await reader.link.settings()

        def no_room() -> None:
            raise JournalUnavailable("database or disk is full")

        with pytest.raises(JournalUnavailable):
            reader.link.deliver(TOKEN[:16], no_room)
        await heard.until("journal_unavailable")
        await heard.until("journal_available")
        assert (await reader.deliver(TOKEN, EVIDENCE)).accepted


async def test_prescriptions_and_passcode_are_asked_of_the_terminal(bench: Bench) -> None:
    async with bench.bridge(), bench.reader(Heard()) as reader:
        number = sha256(b"certificate").hexdigest()[:8].encode()
        assert await reader.link.prescriptions(b"certificate") == [Prescription(number, date(2026, 11, 30), "見本内科")]
        assert await reader.link.check_passcode("2468") == PasscodeChecked(Verdict.RIGHT, 4)
        assert await reader.link.check_passcode("0000") == PasscodeChecked(Verdict.WRONG, 4)


async def test_a_terminal_whose_time_is_set_anew_tells_the_reader(bench: Bench) -> None:
    async with bench.bridge(), bench.reader(Heard()) as reader:
        await reader.link.settings()
        bench.desk.now += 86400
        async with asyncio.timeout(5):
            while reader.link.host_time() < NOW + 86400:
                await asyncio.sleep(0.05)
        assert reader.link.up


async def test_a_refused_token_gives_its_reason(bench: Bench) -> None:
    bench.desk.refuse = "photo_changed"
    async with bench.bridge(), bench.reader(Heard()) as reader:
        receipt = await reader.deliver(TOKEN, EVIDENCE)
    assert (receipt.accepted, receipt.refusal) == (False, "photo_changed")


async def test_a_desk_that_cannot_store_is_asked_again_until_it_can(bench: Bench) -> None:
    bench.desk.full_times = 1
    async with bench.bridge() as bridge, bench.reader(Heard()) as reader:
        began = time.monotonic()
        assert (await reader.deliver(TOKEN, EVIDENCE)).accepted
        assert time.monotonic() - began < LIMITS_MS[DELIVER] / 1000 / 2
    assert ("answer_failed", {"device": SERIAL, "question": 4, "reason": "DiskFull"}) in bridge.heard.events
    assert bench.desk.stored == [TOKEN]


async def test_a_token_that_has_to_wait_keeps_its_place(bench: Bench) -> None:
    bench.desk.full_times = 1
    tokens = [bytes([number]) * 700 for number in range(3)]
    async with bench.bridge(), bench.reader(Heard()) as reader:
        await asyncio.gather(*(reader.deliver(token, EVIDENCE) for token in tokens))
    assert bench.desk.accepted == tokens


async def test_without_a_terminal_questions_fail_in_their_time(bench: Bench) -> None:
    async with bench.reader(Heard()) as reader:
        began = time.monotonic()
        for result in await asyncio.gather(
            reader.link.open_visit(), reader.link.call_reception(), reader.link.settings(), return_exceptions=True
        ):
            assert isinstance(result, LinkDown)
        assert time.monotonic() - began < 4
        with pytest.raises(LinkDown):
            reader.link.host_time()


async def test_an_oversized_question_is_refused_before_it_is_sent(bench: Bench) -> None:
    async with bench.reader(Heard()) as reader:
        with pytest.raises(Malformed):
            await reader.link.identify(bytes(4097))
        with pytest.raises(Malformed):
            await reader.link.check_passcode("1" * 17)


async def test_deliveries_arrive_in_the_order_of_the_calls(bench: Bench) -> None:
    tokens = [bytes([number]) * 700 for number in range(6)]
    async with bench.bridge(), bench.reader(Heard()) as reader:
        await asyncio.gather(*(reader.deliver(token, EVIDENCE) for token in tokens))
    assert bench.desk.accepted == tokens


async def test_a_cancelled_delivery_still_arrives(bench: Bench) -> None:
    async with bench.reader(Heard()) as reader:
        delivery = asyncio.create_task(reader.deliver(TOKEN, EVIDENCE))
        await asyncio.sleep(0)
        delivery.cancel()
        async with bench.bridge():
            await reader.deliver(TOKEN[::-1], EVIDENCE)
    assert bench.desk.stored == [TOKEN, TOKEN[::-1]]
