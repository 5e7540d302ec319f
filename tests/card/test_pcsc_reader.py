"""Cards and daemons that come and go, seen through PcscReader on the real pcscd."""

import asyncio
import sys

import pytest
from card_bench import READER

from board.contracts import CardGone, CardInUse, ReaderAbsent
from board.linux.pcsc import PcscReader
from board.sim.pcscd import PcscDaemon
from firmware.card.face_ap import CardSurfaceAp, NumberBOk
from firmware.card.jpki import Jpki, PinOk, PinReady
from firmware.card.medium import CardDamaged

VERIFY_AND_DIE = f"""
import os, signal
from board.linux.pcsc import PcscSession
from firmware.card.jpki import Jpki, PinOk
assert Jpki(PcscSession("{READER} 00 00", extended=False)).verify_pin(bytearray(b"1234")) == PinOk()
os.kill(os.getpid(), signal.SIGKILL)
"""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_card_is_seen_placed_and_lifted_again_and_again(rig, reader, persona):
    folder = persona("adult").folder
    for _ in range(2):
        await rig.tray.place(str(folder))
        await asyncio.wait_for(reader.inserted(), 2)
        await rig.tray.lift()
        await asyncio.wait_for(reader.removed(), 2)


async def test_session_powers_the_card_on_and_tells_its_atr(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    assert session.atr.hex() == "3b888001000005e0b381a1007f"
    session.close()
    session.close()
    with pytest.raises(CardGone):
        session.transmit(b"\x00\xa4\x04\x0c")


async def test_card_lifted_while_its_photo_is_read_is_gone_and_the_next_visit_works(rig, reader, persona):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    await reader.inserted()
    session = await reader.connect()
    ap = CardSurfaceAp(session)
    assert ap.verify_number_b(holder.number_b) == NumberBOk()
    await rig.tray.lift_after_bytes(2000)
    with pytest.raises(CardGone):
        ap.surface()
    with pytest.raises(CardGone):
        ap.surface()
    session.close()
    await reader.removed()
    await rig.tray.place(str(holder.folder))
    await reader.inserted()
    session = await reader.connect()
    assert Jpki(session).verify_pin(holder.pin) == PinOk()
    session.close()


async def test_card_lifted_at_the_signature_is_gone(rig, reader, persona):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    await reader.inserted()
    session = await reader.connect()
    jpki = Jpki(session)
    jpki.verify_pin(holder.pin)
    await rig.tray.lift_after_commands(1, ins=0x2A)
    with pytest.raises(CardGone):
        jpki.sign(b"\x30" * 51)
    session.close()
    assert (await rig.tray.status()).card is None


async def test_connecting_to_an_empty_tray_means_card_gone(reader):
    with pytest.raises(CardGone):
        await reader.connect()


async def test_a_pin_that_a_killed_program_left_verified_is_forgotten_by_the_next_session(rig, reader, persona):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    await reader.inserted()
    (await reader.connect()).close()
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", VERIFY_AND_DIE)
    assert await killed.wait() == -9
    session = await reader.connect()
    with pytest.raises(CardDamaged) as closed:
        Jpki(session).sign(b"\x30" * 51)
    assert closed.value.sw == 0x6982
    session.close()


async def test_session_is_exclusive(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    with pytest.raises(CardInUse):
        await reader.connect()
    session.close()
    (await reader.connect()).close()


async def test_card_that_another_program_lets_go_of_in_time_is_read(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    others = await reader.connect()
    waiting = asyncio.create_task(reader.connect())
    assert not (await asyncio.wait({waiting}, timeout=0.5))[0]
    others.close()
    session = await asyncio.wait_for(waiting, 2)
    assert Jpki(session).pin_state() == PinReady(3)
    session.close()


async def test_of_several_readers_the_one_with_the_card_is_served_until_it_is_lifted(rig, reader, second_tray, persona):
    holder, other = persona("adult"), persona("pin_person")
    await second_tray.place(str(other.folder))
    await asyncio.wait_for(reader.inserted(), 2)
    session = await reader.connect()
    assert session.reader == "Virtual PCD 00 01"
    await rig.tray.place(str(holder.folder))
    assert Jpki(session).verify_pin(other.pin) == PinOk()
    await second_tray.lift()
    await asyncio.wait_for(reader.removed(), 2)
    with pytest.raises(CardGone):
        Jpki(session)
    session.close()
    await asyncio.wait_for(reader.inserted(), 2)
    session = await reader.connect()
    assert session.reader == "Virtual PCD 00 00"
    assert Jpki(session).verify_pin(holder.pin) == PinOk()
    session.close()


async def test_another_card_laid_down_at_once_is_not_taken_for_the_first(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    (await reader.connect()).close()
    await rig.tray.lift()
    await rig.tray.place(str(persona("pin_person").folder))
    await asyncio.wait_for(reader.removed(), 1)  # though a card has lain there again for a while
    await reader.inserted()
    (await reader.connect()).close()


async def test_reader_that_does_not_tell_gets_extended_apdus_only_where_its_board_allows_them(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    assert session.extended is False
    session.close()
    allowing = PcscReader(READER, extended=True)
    await allowing.inserted()
    session = await allowing.connect()
    assert session.extended is True
    session.close()
    await allowing.close()


async def test_abandoned_connect_leaves_the_card_free(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    connecting = asyncio.create_task(reader.connect())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    async with asyncio.timeout(5):
        session = None
        while session is None:
            try:
                session = await reader.connect()
            except CardInUse:
                continue
    session.close()


async def test_restarted_daemon_is_found_again_by_the_same_reader(rig, reader, persona):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    await reader.inserted()
    session = await reader.connect()
    await rig.stop()
    with pytest.raises(CardGone):
        session.transmit(bytes.fromhex("00A4040C0AD392F000260100000001"))
    session.close()
    await asyncio.wait_for(reader.removed(), 3)
    with pytest.raises(ReaderAbsent, match="pcscd"):
        await reader.check()
    await rig.start()
    await reader.check()
    await rig.tray.place(str(holder.folder))
    await asyncio.wait_for(reader.inserted(), 5)
    session = await reader.connect()
    assert Jpki(session).pin_state() == PinReady(3)
    session.close()


async def test_daemon_that_comes_back_without_its_reader_and_then_with_it_is_followed(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    await rig.stop()
    async with PcscDaemon(rig.folder, attached=False):
        await asyncio.wait_for(reader.removed(), 3)
        with pytest.raises(ReaderAbsent, match="no card reader is attached"):
            await reader.check()
        with pytest.raises(CardGone):
            Jpki(session)
        with pytest.raises(CardGone):
            await reader.connect()
        session.close()
    await rig.start()
    await rig.tray.place(str(persona("pin_person").folder))
    await asyncio.wait_for(reader.inserted(), 5)
    session = await reader.connect()
    assert Jpki(session).pin_state() == PinReady(3)
    session.close()


async def test_reader_of_another_name_is_absent_and_its_card_not_seen(rig, reader, persona):
    other = PcscReader("no such reader")
    with pytest.raises(ReaderAbsent, match="no such reader"):
        await other.check()
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    await other.removed()
    await other.close()
