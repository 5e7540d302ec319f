"""A patient's visit, told as stories: what is seen, touched, and what reaches the terminal."""

import asyncio
from dataclasses import replace

import pytest
from flow_rig import BRIDGE, CTI, LOOK, NONCE, FlowRig

from board.contracts import Frame, Light
from board.demo.visits import CONSENTS, METHOD, PAD
from board.sim.card.applications import NUMBER_B, SURFACE_AID
from firmware.flows.patient import Patience
from firmware.screens.ask_one_consent import AskOneConsent
from firmware.screens.card_problem import CardProblem
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.done import Done
from firmware.screens.face_failed import FaceFailed
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.last_try import LastTry
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.pin_locked import PinLocked
from firmware.token.anchors import TrustAnchors
from firmware.token.claims import Method
from firmware.token.evidence import (
    FaceEvidence,
    PinEvidence,
    binding,
    decode,
    verify_authentication_certificate,
    verify_card_key,
    verify_photo,
    verify_pin_signature,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALL_YES = {1: True, 2: True, 3: True}
ALL_NO = {1: False, 2: False, 3: False}


async def test_the_patient_of_the_card_is_confirmed_by_face_and_the_evidence_holds(
    rig: FlowRig, patient: Frame, anchors: TrustAnchors
) -> None:
    rig.show_to_camera(patient)
    rig.place("adult")
    await rig.tap(METHOD, "face")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    outcome = await rig.ended()

    assert (outcome.method, outcome.verified, outcome.acknowledged, outcome.refused) == (Method.FACE, True, True, None)
    assert outcome.score is not None and outcome.threshold is not None and outcome.score >= outcome.threshold
    (delivery,) = rig.terminal.delivered
    evidence = decode(delivery["evidence"])
    assert isinstance(evidence, FaceEvidence)
    card_key = verify_photo(
        evidence.issuer_certificate,
        evidence.group1,
        evidence.group2_hash,
        evidence.photo_hash,
        evidence.photo_signature,
        anchors,
    )
    verify_card_key(card_key, binding(BRIDGE, NONCE, CTI, ALL_YES, Method.FACE), evidence.card_signature)
    assert rig.lamp.shown == [Light.READY, Light.BUSY, Light.GOOD]
    assert set(outcome.ms) == {"card", "person", "consent", "token", "host"}


async def test_the_right_pin_confirms_and_the_card_signs_for_this_visit_alone(
    rig: FlowRig, anchors: TrustAnchors
) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")
    await rig.tap(CONSENTS, "agree_none")
    await rig.see("done")
    outcome = await rig.ended()

    assert outcome.method is Method.PIN and outcome.acknowledged
    (delivery,) = rig.terminal.delivered
    assert delivery["consents"] == ALL_NO
    evidence = decode(delivery["evidence"])
    assert isinstance(evidence, PinEvidence)
    certificate = verify_authentication_certificate(evidence.certificate, anchors)
    verify_pin_signature(certificate, binding(BRIDGE, NONCE, CTI, ALL_NO, Method.PIN), evidence.signature)


async def test_somebody_else_is_refused_three_times_and_then_offered_the_pin_only(rig: FlowRig, other: Frame) -> None:
    rig.show_to_camera(other)
    rig.place("adult")
    await rig.tap(METHOD, "face")
    await rig.tap(FaceFailed(2, pin=True), "again")
    await rig.see("look_at_camera")
    await rig.tap(FaceFailed(1, pin=True), "again")
    await rig.see("look_at_camera")
    last = FaceFailed(0, pin=True)
    await rig.see(last.name)
    assert rig.pictures[-1][1] == last.draw(LOOK).image.tobytes()
    assert "again" not in last.draw(LOOK).areas
    outcome = await rig.ended()
    assert (outcome.verified, outcome.refused) == (False, "face_mismatch")
    assert rig.terminal.delivered == []


async def test_a_wrong_pin_shows_the_tries_left_and_the_right_one_still_works(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("0000")
    await rig.tap(PAD, "4")
    two_left = replace(PAD, digits=1, tries_left=2, wrong=True)
    assert rig.pictures[-1] == ("enter_pin", two_left.draw(LOOK).image.tobytes())
    for key in ("3", "2", "1", "next"):
        await rig.tap_at_once(PAD, key)
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert (await rig.ended()).refused is None


async def test_three_wrong_pins_lock_the_card_and_lead_to_the_face(rig: FlowRig, patient: Frame) -> None:
    rig.show_to_camera(patient)
    rig.place("adult")
    await rig.tap(METHOD, "pin")
    for _ in range(2):
        await rig.enter_pin("0000")
    last = LastTry(face=True, wrong=True)
    await rig.see(last.name)
    assert rig.pictures[-1][1] == last.draw(LOOK).image.tobytes()
    await rig.tap(last, "pin")
    await rig.enter_pin("0000")
    await rig.tap(PinLocked(face=True), "face")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert (await rig.ended()).method is Method.FACE


async def test_erasing_a_digit_takes_back_the_last_one_only(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.tap(PAD, "4")
    for key in ("3", "9", "erase", "2", "1", "7", "next"):
        await rig.tap_at_once(PAD, key)
    await rig.see("ask_consents")


async def test_consents_chosen_one_by_one_are_exactly_those_delivered(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")
    await rig.tap(CONSENTS, "choose")
    for index, answer in enumerate(("disagree", "agree", "disagree"), 1):
        await rig.tap(AskOneConsent(CONSENTS.items[index - 1], index, 3), answer)
    await rig.see("done")
    await rig.ended()
    assert rig.terminal.delivered[0]["consents"] == {1: False, 2: True, 3: False}


async def test_a_trembling_finger_does_not_answer_the_next_question(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(Patience(settle=0.5))
    await rig.open()
    rig.place("pin_person")
    await rig.see("choose_method")
    rig.touch(METHOD, "pin")  # at once: it was meant for the screen before
    await rig.react()
    assert rig.seen()[-1] == "choose_method"
    await rig.tap_at_once(METHOD, "pin")
    assert rig.seen()[-1] == "enter_pin"
    await rig.close()


async def test_the_face_is_tried_three_times_in_all_however_often_the_way_is_changed(
    rig: FlowRig, other: Frame
) -> None:
    rig.show_to_camera(other)
    rig.place("adult")
    await rig.tap(METHOD, "face")
    for left in (2, 1):
        await rig.tap(FaceFailed(left, pin=True), "pin")
        await rig.tap(PAD, "face")
    await rig.tap(FaceFailed(0, pin=True), "pin")
    await rig.tap(PAD, "face")
    await rig.see("face_failed")
    assert rig.pictures[-1][1] == FaceFailed(0, pin=True).draw(LOOK).image.tobytes()
    assert (await rig.ended()).refused == "face_mismatch"


async def test_a_terminal_that_cannot_sign_or_store_sends_the_patient_to_the_reception(rig: FlowRig) -> None:
    rig.terminal.deaf_to = "deliver"
    await rig.pin_visit()
    await rig.see("cannot_check")
    assert (await rig.ended()).refused == "not_delivered: no answer in time"


async def test_an_unregistered_card_is_sent_to_the_reception(rig: FlowRig) -> None:
    rig.terminal.registered = False
    await rig.pin_visit()
    await rig.see("done")
    assert rig.pictures[-1][1] == Done(reception=True).draw(LOOK).image.tobytes()


async def test_without_a_face_worker_the_pin_is_offered_alone(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(face=False)
    await rig.open()
    rig.place("pin_person")
    await rig.see("choose_method")
    only_pin = ChooseMethod(pin=True, face=False)
    assert rig.pictures[-1][1] == only_pin.draw(LOOK).image.tobytes()
    await rig.tap(only_pin, "pin")
    await rig.enter_pin("4321")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert (await rig.ended()).acknowledged
    await rig.close()


@pytest.mark.parametrize(
    ("persona", "reason", "code"),
    [("not_my_number_card", "not_my_number_card", "002"), ("damaged", "card_damaged", "001")],
)
async def test_a_card_that_cannot_be_used_is_named_by_its_code(
    rig: FlowRig, persona: str, reason: str, code: str
) -> None:
    rig.place(persona)
    await rig.see("card_problem")
    assert rig.pictures[-1][1] == CardProblem(code).draw(LOOK).image.tobytes()
    outcome = await rig.ended()
    assert outcome.refused is not None and outcome.refused.startswith(reason)
    assert rig.lamp.shown[-1] is Light.CARE


@pytest.mark.parametrize("status", ["expired", "revoked"])
async def test_an_expired_or_revoked_certificate_is_told_before_anything_is_asked(rig: FlowRig, status: str) -> None:
    rig.terminal.certificate = status
    rig.place("adult")
    await rig.see("card_problem")
    assert "choose_method" not in rig.seen()
    assert (await rig.ended()).refused == f"certificate_{status}"


async def test_a_copied_card_without_its_key_is_refused_and_nothing_is_delivered(rig: FlowRig, patient: Frame) -> None:
    rig.show_to_camera(patient)
    rig.place("adult", lambda data: replace(data, card_key=data.authentication_key))
    await rig.tap(METHOD, "face")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("card_problem")
    assert (await rig.ended()).refused == "card_refused: card_cloned"
    assert rig.terminal.delivered == []


async def test_a_card_whose_photo_shows_no_face_leads_to_the_pin(rig: FlowRig, patient: Frame) -> None:
    rig.show_to_camera(patient)
    rig.place("pin_person")  # its photo is a silhouette
    await rig.tap(METHOD, "face")
    await rig.tap(FaceFailed(0, pin=True), "pin")
    await rig.enter_pin("4321")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert (await rig.ended()).method is Method.PIN


@pytest.mark.parametrize("number_b", [None, "123", "１" * 14, "12345678901234"])
async def test_number_b_that_cannot_be_read_or_is_wrong_asks_for_the_card_again(
    rig: FlowRig, number_b: str | None
) -> None:
    rig.place("adult")
    rig.dock.number_b = number_b
    await rig.tap(METHOD, "face")
    await rig.see("turn_card")
    outcome = await rig.ended()
    assert outcome.refused == ("number_b_wrong" if number_b == "12345678901234" else "number_b_unreadable")


async def test_a_card_whose_number_b_has_few_tries_left_is_not_risked_and_leads_to_the_pin(rig: FlowRig) -> None:
    rig.place("adult", tries={(SURFACE_AID, NUMBER_B): 3})
    await rig.tap(METHOD, "face")
    locked = FaceNotPossible("locked", pin=True)
    await rig.see(locked.name)
    assert rig.pictures[-1][1] == locked.draw(LOOK).image.tobytes()
    assert not any("00200092**" in line for line in rig.tray.trace)
    await rig.tap(locked, "pin")
    await rig.tap(PAD, "face")
    await rig.tap(locked, "pin")
    await rig.enter_pin("1234")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert (await rig.ended()).method is Method.PIN


async def test_a_card_that_answers_no_more_is_told_and_the_visit_ends_all_the_same(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.see("enter_pin")
    rig.tray.answers.clear()
    try:
        await rig.enter_pin("4321")
        await rig.see("card_problem")
        outcome = await rig.ended()
    finally:
        rig.tray.answers.set()
    assert outcome.refused == "card_fault: no answer in 10 s"
    assert rig.terminal.delivered == []


async def test_a_card_that_another_program_uses_sends_the_patient_to_the_reception(rig: FlowRig) -> None:
    rig.tray.in_use = True
    rig.place("adult")
    await rig.see("cannot_check")
    assert (await rig.ended()).refused == "card_in_use"


async def test_without_a_terminal_the_patient_is_sent_to_the_reception(rig: FlowRig) -> None:
    rig.terminal.silent = True
    rig.place("adult")
    await rig.see("cannot_check")
    assert (await rig.ended()).refused == "terminal_unreachable"


async def test_a_token_the_terminal_refuses_is_not_called_done(rig: FlowRig) -> None:
    rig.terminal.accepts = False
    await rig.pin_visit()
    await rig.see("cannot_check")
    outcome = await rig.ended()
    assert (outcome.acknowledged, outcome.refused) == (False, "terminal_refused: nonce_used")
    assert "done" not in rig.seen()


async def test_a_slow_terminal_is_explained_and_the_card_may_be_taken(rig: FlowRig) -> None:
    rig.terminal.answers.clear()
    await rig.pin_visit()
    await rig.see("waiting_for_terminal")
    rig.tray.lift()
    rig.terminal.answers.set()
    await rig.see("done")
    assert rig.visit is not None
    assert not (await asyncio.wait({rig.visit}, timeout=1.0))[0], "the last word stays long enough to be read"
    assert (await rig.ended()).acknowledged


async def test_an_eligibility_that_needs_the_reception_is_not_explained_aloud(rig: FlowRig) -> None:
    rig.terminal.validity = 4
    await rig.pin_visit()
    await rig.see("done")
    assert rig.pictures[-1][1] == Done(reception=True).draw(LOOK).image.tobytes()


async def test_changing_to_the_pin_while_looking_needs_no_new_card(rig: FlowRig) -> None:
    rig.place("adult")
    await rig.tap(METHOD, "face")
    await rig.tap(LookAtCamera(None, "no_face", 0.0, pin=True), "pin")
    await rig.enter_pin("1234")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    outcome = await rig.ended()
    assert outcome.method is Method.PIN
    assert isinstance(decode(rig.terminal.delivered[0]["evidence"]), PinEvidence)
