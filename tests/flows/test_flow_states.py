"""Every state a card can be in: what its holder is told and offered, and what reaches the terminal."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flow_rig import LOOK, FlowRig

from board.contracts import Frame, Key
from board.demo.visits import CONSENTS, METHOD
from board.sim.card.applications import AUTHENTICATION_PIN, JPKI_AID
from board.sim.card.authority import Authority, new_key
from board.sim.card.data import CardData, Manner
from board.sim.card.issue import issue_card, person_of, personas, silhouette
from board.sim.card.surface import cv_certificate
from firmware.screens.card_problem import CardProblem
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.done import Done
from firmware.screens.drawn import Screen
from firmware.screens.face_failed import FaceFailed
from firmware.screens.last_try import LastTry
from firmware.screens.no_pin import NoPin
from firmware.screens.pin_locked import PinLocked
from firmware.token.claims import Method

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAST = LastTry(face=True)
NO_PIN = Manner(no_pin=0x6984)
ONE_LEFT = {(JPKI_AID, AUTHENTICATION_PIN): 1}


def shows(rig: FlowRig, screen: Screen) -> bool:
    """Whether that is the picture that is up."""
    return rig.pictures[-1] == (screen.name, screen.draw(LOOK).image.tobytes())


def pin_tried(rig: FlowRig) -> bool:
    """Whether any PIN has been presented to the card; a question about it carries nothing."""
    return any(" 0020" in line and "**" in line and "公的個人認証AP" in line for line in rig.tray.trace)


# the PIN


async def test_a_card_with_one_try_left_asks_first_whether_to_risk_it(rig: FlowRig) -> None:
    rig.place("adult", tries=ONE_LEFT)
    await rig.tap(METHOD, "pin")
    await rig.see(LAST.name)
    assert shows(rig, LAST) and not pin_tried(rig)
    await rig.tap(LAST, "pin")
    await rig.enter_pin("1234")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert pin_tried(rig)
    assert (await rig.ended()).method is Method.PIN


async def test_the_last_try_is_saved_by_going_over_to_the_face(rig: FlowRig, patient: Frame) -> None:
    rig.show_to_camera(patient)
    rig.place("adult", tries=ONE_LEFT)
    await rig.tap(METHOD, "pin")
    await rig.tap(LAST, "face")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert not pin_tried(rig)
    assert (await rig.ended()).method is Method.FACE


async def test_two_wrong_pins_lead_to_the_question_before_the_third(rig: FlowRig) -> None:
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("0000")
    await rig.enter_pin("0000")
    await rig.see(LAST.name)
    await rig.tap(LAST, "pin")
    await rig.enter_pin("4321")
    await rig.see("ask_consents")
    await rig.ended()


async def test_a_pin_locked_long_ago_is_told_before_any_way_is_chosen(rig: FlowRig, patient: Frame) -> None:
    rig.show_to_camera(patient)
    rig.place("adult", tries={(JPKI_AID, AUTHENTICATION_PIN): 0})
    await rig.tap(PinLocked(face=True), "face")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert "choose_method" not in rig.seen() and "enter_pin" not in rig.seen()
    assert (await rig.ended()).method is Method.FACE


async def test_a_card_without_a_pin_is_led_to_the_face_and_never_to_the_pin(rig: FlowRig, other: Frame) -> None:
    rig.show_to_camera(other)
    rig.place("adult", lambda data: replace(data, manner=NO_PIN))
    await rig.tap(NoPin(face=True), "face")
    await rig.see("look_at_camera")
    await rig.see("face_failed")
    assert shows(rig, FaceFailed(2, pin=False))
    assert (await rig.ended()).refused == "face_mismatch"
    assert not {"choose_method", "enter_pin"} & set(rig.seen())


async def test_a_card_without_a_pin_goes_to_the_reception_where_no_face_can_be_looked_at(rig: FlowRig) -> None:
    await rig.close()
    rig = rig.fresh(face=False)
    await rig.open()
    rig.place("no_pin")
    await rig.tap(NoPin(face=False), "reception")
    await rig.see("reception_called")
    assert rig.terminal.called == 1
    assert (await rig.ended()).refused == "pin_absent"
    await rig.close()


# the certificate


async def pin_visit_after(rig: FlowRig, notice: CertificateNotice) -> None:
    """The notice read, the PIN entered."""
    rig.place("pin_person")
    await rig.see(notice.name)
    assert shows(rig, notice)
    await rig.tap(notice, "next")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")


async def test_a_certificate_near_its_end_is_told_and_the_visit_goes_on(rig: FlowRig) -> None:
    rig.terminal.certificate = "ending"
    await pin_visit_after(rig, CertificateNotice("ending", 3))
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert shows(rig, Done(reception=False))
    await rig.ended()
    assert rig.terminal.delivered[0]["consents"] == {1: True, 2: True, 3: True}


async def test_with_an_ended_certificate_nothing_is_asked_and_nothing_agreed_to(rig: FlowRig) -> None:
    rig.terminal.certificate = "ended"
    await pin_visit_after(rig, CertificateNotice("ended", 3))
    await rig.see("done")
    assert shows(rig, Done(reception=False))
    assert not {"ask_consents", "ask_one_consent"} & set(rig.seen())
    assert (await rig.ended()).acknowledged
    assert rig.terminal.delivered[0]["consents"] == {}


async def test_where_the_terminal_lets_no_consents_be_asked_nothing_is_agreed_to(rig: FlowRig) -> None:
    rig.terminal.ask_consents = False
    rig.place("pin_person")
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")
    await rig.see("done")
    assert not {"ask_consents", "ask_one_consent"} & set(rig.seen())
    assert (await rig.ended()).acknowledged
    assert rig.terminal.delivered[0]["consents"] == {}


async def test_a_certificate_nobody_can_judge_leads_to_the_reception_at_the_end(rig: FlowRig) -> None:
    rig.terminal.certificate = "unknown"
    await pin_visit_after(rig, CertificateNotice("unknown", 3))
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("done")
    assert shows(rig, Done(reception=True))
    assert (await rig.ended()).acknowledged


async def test_the_notice_is_taken_by_the_enter_key(rig: FlowRig) -> None:
    rig.terminal.certificate = "ending"
    rig.place("pin_person")
    await rig.see("certificate_notice")
    rig.dock.press(Key.ENTER)
    await rig.see("choose_method")
    await rig.ended()


# a card that is not what it claims


SIGNATURE = b"\xdf\x28\x82\x01\x00"
"""Tag and length of the issuer's signature on the card's face."""


def with_face_of(stranger: CardData) -> Callable[[CardData], CardData]:
    """A card's own certificate beside the face, issuer and card key of another."""
    return lambda data: replace(
        data, surface=stranger.surface, card_key=stranger.card_key, issuer_certificate=stranger.issuer_certificate
    )


def changed_photo(data: CardData) -> CardData:
    photo_at = data.surface.index(b"jp2c") + 200
    return replace(data, surface=data.surface[:photo_at] + b"\0\1" + data.surface[photo_at + 2 :])


def swapped_signature(cards: Path) -> Callable[[CardData], CardData]:
    """The issuer's signature of another genuine card."""
    theirs = CardData.load(cards / "pin_person").surface
    signature = theirs[theirs.index(SIGNATURE) :][: len(SIGNATURE) + 256]

    def swap(data: CardData) -> CardData:
        at = data.surface.index(SIGNATURE)
        return replace(data, surface=data.surface[:at] + signature + data.surface[at + len(signature) :])

    return swap


def claims(world: Path) -> Iterator[tuple[str, Callable[[CardData], CardData]]]:
    """A reason, and how to make the card that earns it."""
    forger = Authority.create()
    forged = issue_card(person_of(personas()["adult"]), silhouette(), forger)
    nobody = cv_certificate(b"SOMEBODY ELSE 01", forger.cv_key, b"SIMULATED CITY..", forger.signer_key.public_key())
    yield "photo_changed", changed_photo
    yield "photo_signature_swapped", swapped_signature(world / "cards")
    yield "issuer_forged", with_face_of(forged)
    yield "issuer_unknown", with_face_of(replace(forged, issuer_certificate=nobody))


@pytest.mark.parametrize("reason", ["photo_changed", "photo_signature_swapped", "issuer_forged", "issuer_unknown"])
async def test_a_face_that_its_issuer_did_not_sign_is_refused_before_anybody_is_looked_at(
    rig: FlowRig, world: Path, reason: str
) -> None:
    rig.place("adult", dict(claims(world))[reason])
    await rig.tap(METHOD, "face")
    await rig.see("card_problem")
    assert shows(rig, CardProblem("002"))
    assert (await rig.ended()).refused == f"card_refused: {reason}"
    assert "look_at_camera" not in rig.seen() and rig.terminal.delivered == []


async def test_a_certificate_of_an_unknown_issuer_is_refused_before_anything_is_asked(rig: FlowRig) -> None:
    rig.place("adult", lambda data: issue_card(person_of(personas()["adult"]), b"", Authority.create()))
    await rig.see("card_problem")
    assert shows(rig, CardProblem("002"))
    assert (await rig.ended()).refused == "card_refused: certificate_untrusted"
    assert "choose_method" not in rig.seen()


async def test_a_copied_card_without_its_key_is_refused_though_its_pin_is_right(rig: FlowRig) -> None:
    rig.place("pin_person", lambda data: replace(data, authentication_key=new_key()))
    await rig.tap(METHOD, "pin")
    await rig.enter_pin("4321")
    await rig.tap(CONSENTS, "agree_all")
    await rig.see("card_problem")
    assert (await rig.ended()).refused == "card_refused: pin_signature"
    assert rig.terminal.delivered == []
