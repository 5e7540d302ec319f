"""The card in a visit: one session in a thread, which a patient who leaves, or a card without a word, must not keep."""

import asyncio
import threading

import pytest

from board.contracts import CardFault
from firmware.flows.kiosk import Card

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Slow:
    """A card that answers when it is let. Implements CardSession."""

    atr = b""
    extended = False

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Event()
        self.closed = threading.Event()

    def transmit(self, apdu: bytes) -> bytes:
        self.asked.set()
        self.may_answer.wait()
        return b"\x90\x00"

    def close(self) -> None:
        self.closed.set()


async def asked(session: Slow) -> None:
    await asyncio.to_thread(session.asked.wait, 5)


@pytest.mark.parametrize("turns", range(6))
async def test_a_stop_that_comes_together_with_the_answer_is_not_lost(turns: int) -> None:
    session = Slow()
    card = Card(session)
    work = asyncio.create_task(card.do(session.transmit, b""))
    await asked(session)
    answered = threading.Event()
    asyncio.get_running_loop().call_soon(answered.set)
    session.may_answer.set()
    await asyncio.to_thread(answered.wait, 5)
    for _ in range(turns):
        await asyncio.sleep(0)
    if not work.done():
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    await card.power_off()
    assert session.closed.is_set()


async def test_a_card_that_is_still_busy_when_the_patient_leaves_is_powered_off_once_it_has_answered() -> None:
    session = Slow()
    card = Card(session)
    work = asyncio.create_task(card.do(session.transmit, b""))
    await asked(session)
    work.cancel()
    leaving = asyncio.create_task(card.power_off())
    assert not (await asyncio.wait({leaving}, timeout=0.2))[0]
    assert not session.closed.is_set()
    session.may_answer.set()
    await asyncio.wait_for(leaving, 5)
    assert session.closed.is_set()


async def test_a_card_without_a_word_keeps_nobody_and_is_let_go_of_when_it_is_lifted() -> None:
    session = Slow()
    card = Card(session, answer_s=0.2)
    with pytest.raises(CardFault, match="no answer"):
        await card.do(session.transmit, b"")
    await asyncio.wait_for(card.power_off(), 0.1)
    session.may_answer.set()  # as when it is lifted
    assert await asyncio.to_thread(session.closed.wait, 5)


async def test_a_card_that_falls_silent_while_the_patient_leaves_is_waited_for_only_so_long() -> None:
    session = Slow()
    card = Card(session, answer_s=0.2)
    work = asyncio.create_task(card.do(session.transmit, b""))
    await asked(session)
    work.cancel()
    await asyncio.wait_for(card.power_off(), 2)
    session.may_answer.set()
    assert await asyncio.to_thread(session.closed.wait, 5)
