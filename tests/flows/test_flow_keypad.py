"""Visits by the external keypad alone: a frame goes from choice to choice, digits are the PIN's."""

import pytest
from flow_rig import LOOK, FlowRig

from board.contracts import Key
from board.demo.visits import CONSENTS, METHOD
from firmware.flows.patient import Patience
from firmware.screens.drawn import Screen
from firmware.screens.enter_pin import EnterPin
from firmware.screens.focus import framed, order

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def press(rig: FlowRig, *keys: Key) -> None:
    """Key after key, each answered by another picture."""
    for key in keys:
        shown = len(rig.pictures)
        rig.dock.press(key)
        await rig.next_picture(shown)


async def frame_on(rig: FlowRig, screen: Screen, area: str) -> None:
    """Move on until the frame is around `area` of `screen`."""
    await rig.see(screen.name)
    drawn = screen.draw(LOOK)
    for _ in range(order(drawn).index(area) + 1):
        await press(rig, Key.FORWARD)
    assert rig.pictures[-1][1] == framed(drawn, area, LOOK).image.tobytes()


async def test_a_whole_visit_by_keypad_alone_ends_in_a_token(rig: FlowRig) -> None:
    rig.place("pin_person")
    await frame_on(rig, METHOD, "pin")
    await press(rig, Key.ENTER)
    await rig.see("enter_pin")
    await press(rig, *(Key(digit) for digit in "4329"), Key.ERASE, Key.DIGIT_1, Key.ENTER)
    await frame_on(rig, CONSENTS, "agree_all")
    await press(rig, Key.ENTER)
    await rig.see("done")
    outcome = await rig.ended()
    assert (outcome.verified, outcome.acknowledged) == (True, True)
    assert set(rig.terminal.delivered[0]["consents"].values()) == {True}


async def test_enter_pressed_again_and_again_agrees_to_nothing_without_a_frame_in_sight(rig: FlowRig) -> None:
    await rig.see("place_card")
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")
    await rig.see(CONSENTS.name)
    for _ in range(5):
        rig.dock.press(Key.ENTER)
    await press(rig, Key.FORWARD)
    assert rig.pictures[-1][1] == framed(CONSENTS.draw(LOOK), order(CONSENTS.draw(LOOK))[0], LOOK).image.tobytes()
    assert rig.seen()[-1] == CONSENTS.name


async def test_keys_held_down_keep_no_finger_waiting(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.see(METHOD.name)
    for _ in range(500):
        rig.dock.press(Key.FORWARD)
    shown = len(rig.pictures)
    rig.touch(METHOD, "stop")
    await rig.see("card_forgotten")
    assert len(rig.pictures) - shown < 100


async def test_the_frame_does_not_outlive_its_question(rig: FlowRig) -> None:
    rig.place("pin_person")
    await frame_on(rig, METHOD, "pin")
    await press(rig, Key.ENTER)
    await rig.see("enter_pin")
    assert rig.pictures[-1][1] == EnterPin(0, 3, wrong=False).draw(LOOK).image.tobytes()


async def test_backward_begins_at_the_end_where_stop_is(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.see(METHOD.name)
    await press(rig, Key.BACKWARD)
    drawn = METHOD.draw(LOOK)
    assert order(drawn)[-1] == "stop"
    assert rig.pictures[-1][1] == framed(drawn, "stop", LOOK).image.tobytes()
    await press(rig, Key.ENTER)
    await rig.see("card_forgotten")
    assert (await rig.ended()).refused == "stopped"


async def test_a_key_before_the_question_answers_nothing(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(settle=0.5))
    await rig.open()
    rig.place("pin_person")
    await rig.see(METHOD.name)
    shown = len(rig.pictures)
    rig.dock.press(Key.BACKWARD)  # at once: it was meant for the screen before
    rig.dock.press(Key.ENTER)
    await rig.react()
    rig.dock.press(Key.FORWARD)
    await rig.next_picture(shown)
    assert rig.pictures[-1][1] == framed(METHOD.draw(LOOK), order(METHOD.draw(LOOK))[0], LOOK).image.tobytes()
    await rig.close()
