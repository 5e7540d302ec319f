"""Every way out of a visit before its end: the card lifted, "stop", silence; and the buttons that always work."""

import asyncio
from dataclasses import replace

import pytest
from flow_rig import LOOK, FlowRig

from board.contracts import CameraFault, Frame
from board.demo.visits import METHOD, PAD, empty_room
from firmware.flows.patient import Patience
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.place_card import PlaceCard
from firmware.screens.reception_called import ReceptionCalled
from firmware.screens.still_there import StillThere

pytestmark = pytest.mark.asyncio(loop_scope="session")

PIN = "1234"


async def pin_visit_to_its_end(rig: FlowRig) -> None:
    """As far as the card stays."""
    walking = asyncio.create_task(_walk(rig))
    lifted = asyncio.create_task(rig.see("card_lifted"))
    await asyncio.wait({walking, lifted}, return_when=asyncio.FIRST_COMPLETED)
    walking.cancel()
    lifted.cancel()


async def _walk(rig: FlowRig) -> None:
    await rig.pin_visit("adult", PIN)
    await rig.see("done")
    await rig.ended()


async def test_a_card_lifted_at_any_command_of_a_pin_visit_sends_no_token(rig: FlowRig) -> None:
    await pin_visit_to_its_end(rig)
    commands = sum(" -> " in line for line in rig.tray.trace)
    assert commands >= 9
    assert len(rig.terminal.delivered) == 1
    await rig.close()
    for answered in range(commands):
        again = rig.fresh()
        await again.open()
        again.tray.lift_after = answered
        await pin_visit_to_its_end(again)
        await again.see("card_lifted")
        outcome = await again.ended()
        assert (outcome.refused, again.terminal.delivered) == ("card_removed", []), f"after {answered} commands"
        await again.close()


async def test_a_card_lifted_during_the_match_sends_no_token(rig: FlowRig, patient: Frame) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "face")
    await rig.see("look_at_camera")
    rig.show_to_camera(patient)
    taken = rig.dock.frames
    while rig.dock.frames < taken + 2:
        await rig.next_picture()
    rig.show_to_camera(empty_room())
    rig.tray.lift()
    await rig.see("card_lifted")
    outcome = await rig.ended()
    assert (outcome.refused, outcome.verified, rig.terminal.delivered) == ("card_removed", False, [])


async def test_a_card_lifted_at_the_consents_sends_no_token(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin(PIN)
    await rig.see("ask_consents")
    rig.tray.lift()
    await rig.see("card_lifted")
    outcome = await rig.ended()
    assert (outcome.refused, outcome.acknowledged, rig.terminal.delivered) == ("card_removed", False, [])


async def test_stop_ends_the_visit_and_asks_to_take_the_card(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "stop")
    await rig.see("card_forgotten")
    assert (await rig.ended()).refused == "stopped"


async def test_a_patient_who_has_gone_is_asked_and_then_the_visit_ends(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(idle=0.3, give_up=0.3, tick=0.05, settle=0))
    await rig.open()
    rig.place("adult")
    await rig.see("choose_method")
    await rig.see("still_there")
    await rig.see("card_forgotten")
    assert (await rig.ended()).refused == "idle"
    await rig.close()


async def test_a_patient_who_is_still_there_goes_on_where_they_were(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(idle=1.0, give_up=60.0, tick=0.05, settle=0))
    await rig.open()
    rig.place("adult")
    await rig.tap(StillThere(), "continue")
    await rig.tap(METHOD, "pin")
    await rig.see("enter_pin")
    assert (await rig.ended()).refused == "card_removed"
    await rig.close()


async def test_calling_the_reception_tells_the_terminal_and_returns_to_the_question(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "reception")
    await rig.see("reception_called")
    assert rig.terminal.called == 1
    await rig.tap(ReceptionCalled(reached=True), "continue")
    assert rig.pictures[-1] == ("choose_method", METHOD.draw(LOOK).image.tobytes())
    await rig.ended()


async def test_without_a_terminal_the_reception_button_says_that_nobody_was_reached(rig: FlowRig) -> None:
    rig.terminal.silent = True
    await rig.tap(PlaceCard(), "reception")
    await rig.see("reception_called")
    assert rig.pictures[-1][1] == ReceptionCalled(reached=False).draw(LOOK).image.tobytes()


async def test_english_and_large_text_hold_for_the_rest_of_the_visit(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "language")
    english = replace(LOOK, language="en")
    assert rig.pictures[-1] == ("choose_method", METHOD.draw(english).image.tobytes())
    await rig.tap(ChooseMethod(pin=True, face=True), "text_size")
    both = replace(english, large=True)
    assert rig.pictures[-1] == ("choose_method", METHOD.draw(both).image.tobytes())
    await rig.tap_in(both, METHOD, "pin")
    await rig.see("enter_pin")
    assert rig.pictures[-1][1] == PAD.draw(both).image.tobytes()
    await rig.ended()


async def test_without_a_card_reader_the_screen_says_what_to_do_and_recovers(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh()
    rig.tray.absent = "pcscd does not answer: is its service running?"
    await rig.open()
    await rig.see("out_of_order")
    rig.tray.absent = None
    await rig.see("place_card")
    await rig.close()


async def test_while_the_terminal_is_away_the_screen_says_so_and_asks_for_a_card_once_it_is_back(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh()
    rig.terminal.up = False
    await rig.open()
    await rig.see("terminal_away")
    rig.terminal.up = True
    await rig.see("place_card")
    await rig.close()


async def test_while_no_record_can_be_kept_nobody_is_asked_for_a_card(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh()
    rig.terminal.keeps = False
    await rig.open()
    await rig.see("out_of_order")
    rig.terminal.keeps = True
    await rig.see("place_card")
    await rig.close()


async def test_a_camera_that_is_gone_is_said_on_the_screen_and_the_pin_still_works(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "face")
    await rig.see("look_at_camera")
    rig.dock.sees = CameraFault.GONE
    await rig.tap(LookAtCamera(None, "camera_gone", 0.0, pin=True), "pin")
    await rig.see("enter_pin")
    await rig.ended()
    rig.show_to_camera(empty_room())


async def test_a_card_left_behind_is_asked_for(rig: FlowRig) -> None:
    await rig.pin_visit("adult", PIN)
    await rig.see("done")
    await rig.see("card_forgotten")
    assert (await rig.ended()).acknowledged


async def test_a_call_for_reception_on_an_idle_reader_is_taken_down_again(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(idle=0.3, give_up=0.3, tick=0.05, settle=0))
    await rig.open()
    await rig.tap(PlaceCard(), "reception")
    await rig.see("reception_called")
    await rig.see("place_card")
    await rig.close()


async def test_a_card_lifted_under_another_message_is_still_told(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "reception")
    await rig.see("reception_called")
    rig.tray.lift()
    await rig.see("card_lifted")
    assert (await rig.ended()).refused == "card_removed"


async def test_a_double_tap_on_continue_does_not_answer_the_question_under_it(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(idle=1.5, give_up=60.0, tick=0.05, settle=0.4))
    await rig.open()
    rig.place("adult")
    await rig.see("choose_method")
    await rig.see("still_there")
    await rig.react()
    rig.touch(StillThere(), "continue")
    rig.touch(StillThere(), "continue")
    await rig.see("choose_method")
    with pytest.raises(TimeoutError):
        await rig.next_picture(patience=1.0)
    assert rig.pictures[-1][0] == "choose_method"
    await rig.close()


async def test_fingers_of_the_screen_before_are_no_answer_however_late_they_are_looked_at(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(settle=0.2))
    await rig.open()
    rig.place("adult")
    await rig.see("choose_method")
    await rig.react()
    for _ in range(10):  # each repaints the screen, so what follows waits in a queue
        rig.touch(METHOD, "language")
    for _ in range(5):
        rig.touch(METHOD, "face")
    with pytest.raises(TimeoutError):
        while True:
            await rig.next_picture(patience=1.0)
    assert rig.pictures[-1][0] == "choose_method"
    await rig.close()
