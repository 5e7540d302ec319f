"""A token arrives once, whatever happens to cable, bridge and reader meanwhile."""

import asyncio

import pytest
from link_bench import Bench, Heard, keep

TOKEN = bytes(range(250)) * 3
EVIDENCE = bytes(range(256)) * 18


@pytest.mark.parametrize("cut_after", [1, 700, 3000, 5300])
async def test_a_cable_pulled_during_delivery_stores_the_token_once(bench: Bench, cut_after: int) -> None:
    heard = Heard()
    async with bench.bridge() as bridge, bench.reader(heard) as reader:
        await reader.link.settings()
        await bench.cable.unplug_after(cut_after)
        delivery = asyncio.create_task(reader.deliver(TOKEN, EVIDENCE))
        await heard.until("link_down", reason="port_gone")
        assert not reader.link.up
        await bridge.heard.until("link_down", reason="port_gone")
        assert not delivery.done()
        await bench.cable.plug()
        assert (await delivery).accepted
    assert bench.desk.stored == [TOKEN]


async def test_a_receipt_lost_in_an_unplug_is_given_again(bench: Bench) -> None:
    heard = Heard()
    async with bench.bridge(), bench.reader(heard) as reader:
        await reader.link.settings()
        await bench.cable.hold_answers()
        delivery = asyncio.create_task(reader.deliver(TOKEN, EVIDENCE))
        await bench.desk.heard.until("accepted")
        await bench.cable.unplug()
        await heard.until("link_down")
        assert not delivery.done()
        await bench.cable.release()
        await bench.cable.plug()
        assert (await delivery).accepted
    assert bench.desk.accepted == [TOKEN, TOKEN]
    assert bench.desk.stored == [TOKEN]


async def test_a_bridge_that_ends_before_its_receipt_arrives_is_asked_again(bench: Bench) -> None:
    async with bench.reader(Heard()) as reader:
        async with bench.bridge():
            await reader.link.settings()
            await bench.cable.hold_answers()
            delivery = asyncio.create_task(reader.deliver(TOKEN, EVIDENCE))
            await bench.desk.heard.until("accepted")
        assert not delivery.done()
        await bench.cable.unplug()
        await bench.cable.release()
        await bench.cable.plug()
        async with bench.bridge():
            assert (await delivery).accepted
    assert bench.desk.stored == [TOKEN]


async def test_records_that_were_kept_before_a_restart_are_delivered_after_it_oldest_first(bench: Bench) -> None:
    tokens = [bytes([number]) * 700 for number in range(3)]
    async with bench.reader(Heard()) as reader:
        for token in tokens:
            keep(reader.journal, bench.identity, token)
    heard = Heard()
    async with bench.bridge(), bench.reader(heard) as reader:
        for token in tokens:
            await heard.until("token_receipt", cti=token[:16].hex(), accepted=True)
        async with asyncio.timeout(5):
            while reader.journal.oldest() is not None:
                await asyncio.sleep(0.01)
    assert bench.desk.accepted == tokens


async def test_a_record_of_an_earlier_day_goes_before_that_of_the_patient_who_waits(bench: Bench) -> None:
    async with bench.reader(Heard()) as reader:
        keep(reader.journal, bench.identity, TOKEN)
    async with bench.bridge(), bench.reader(Heard()) as reader:
        assert (await reader.deliver(TOKEN[::-1], EVIDENCE)).accepted
    assert bench.desk.accepted == [TOKEN, TOKEN[::-1]]


async def test_a_reader_that_ends_before_the_receipt_delivers_again_and_the_token_counts_once(bench: Bench) -> None:
    async with bench.bridge():
        async with bench.reader(Heard()) as reader:
            await reader.link.settings()
            await bench.cable.hold_answers()
            delivery = asyncio.create_task(reader.deliver(TOKEN, EVIDENCE))
            await bench.desk.heard.until("accepted")
            delivery.cancel()
        await bench.cable.unplug()
        await bench.cable.release()
        await bench.cable.plug()
        heard = Heard()
        async with bench.reader(heard):
            await heard.until("token_receipt", accepted=True)
    assert (bench.desk.accepted, bench.desk.stored) == ([TOKEN, TOKEN], [TOKEN])


async def test_an_idle_bridge_notices_that_its_reader_restarted(bench: Bench) -> None:
    async with bench.bridge() as bridge:
        async with bench.reader(Heard()) as reader:
            await reader.link.settings()
        since = len(bridge.heard.events)
        heard = Heard()
        async with bench.reader(heard):
            await heard.until("link_up")
            await bridge.heard.until("link_up", since)


async def test_noise_on_the_cable_costs_time_and_nothing_else(bench: Bench) -> None:
    async with bench.bridge(), bench.reader(Heard()) as reader:
        await reader.link.settings()
        for number in range(10):
            await bench.cable.noise(500)
            assert (await reader.deliver(bytes([number]) * 700, EVIDENCE)).accepted
    assert bench.desk.stored == [bytes([number]) * 700 for number in range(10)]


async def test_a_bridge_started_before_the_cable_waits_for_it(bench: Bench) -> None:
    await bench.cable.unplug()
    async with bench.bridge() as bridge, bench.reader(Heard()) as reader:
        await bridge.heard.until("link_down", reason="port_absent")
        await bench.cable.plug()
        assert (await reader.deliver(TOKEN, EVIDENCE)).accepted
