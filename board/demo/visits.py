"""The scripted visits, each a short story and how it has to end."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np

from board.contracts import Frame
from board.demo.cards import FACE_CARD, PIN_CARD
from board.demo.script import Script
from firmware.screens.ask_consents import AskConsents
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.consent_item import ConsentItem
from firmware.screens.enter_pin import EnterPin
from firmware.screens.face_failed import FaceFailed

CUT_AFTER = 1500
"""Bytes towards the terminal after which the cable is pulled: in the middle of token and evidence."""

PAD = EnterPin(0, 3, wrong=False)
METHOD = ChooseMethod(pin=True, face=True)
UNKNOWN = CertificateNotice("unknown", 3)
CONSENTS = AskConsents(
    (ConsentItem("treatment_medicine", 3), ConsentItem("checkups", 5), ConsentItem("operations", None))
)


@dataclass(frozen=True)
class People:
    """Who stands before the camera, and the PIN of the card that is used with one."""

    patient: Frame
    """Another photograph of the person on the face card."""
    other: Frame
    nobody: Frame
    pin: str
    stranger: bool
    """Whether the terminal knows nothing of the card, which the patient is then told."""


@dataclass(frozen=True)
class Story:
    """One visit: what is played, and how it has to end."""

    name: str
    play: Callable[[Script, People], Coroutine[Any, Any, None]]
    method: str | None
    verified: bool
    refused: str | None = None


async def face_visit(script: Script, people: People) -> None:
    """Face: another photograph of the person on the card."""
    await begin_face(script, people, people.patient)
    await agree(script)
    await script.see("done")


async def face_of_another(script: Script, people: People) -> None:
    """Face of somebody else: refused three times, led to the PIN, leaves."""
    await begin_face(script, people, people.other)
    await script.tap(FaceFailed(2, pin=True), "again")
    await script.tap(FaceFailed(1, pin=True), "again")
    await script.tap(FaceFailed(0, pin=True), "pin")
    await script.tap(PAD, "stop")
    await script.see("card_forgotten")


async def pin_visit(script: Script, people: People) -> None:
    """PIN."""
    await begin_pin(script, people)
    await enter_pin(script, people.pin)
    await agree(script)
    await script.see("done")


async def wrong_pin_first(script: Script, people: People) -> None:
    """A wrong PIN, then the right one."""
    await begin_pin(script, people)
    await enter_pin(script, "0000")
    await enter_pin(script, people.pin)
    await agree(script)
    await script.see("done")


async def cable_pulled(script: Script, people: People) -> None:
    """Face; the cable is pulled while the token is on its way, and plugged in again."""
    await begin_face(script, people, people.patient)
    await script.see(CONSENTS.name)
    await script.stage.cable.unplug_after(CUT_AFTER)
    await agree(script)
    await script.see("waiting_for_terminal")
    await script.stage.cable.plug()
    await script.see("done")


async def bridge_killed(script: Script, people: People) -> None:
    """Face; the bridge is killed after it has stored and before its answer arrives, and started again."""
    await begin_face(script, people, people.patient)
    await script.see(CONSENTS.name)
    cable, bridge = script.stage.cable, script.stage.bridge
    await cable.hold_answers()
    stored_before = len(bridge.log.events)
    await agree(script)
    await script.event(bridge.log, "token_stored", stored_before)
    await bridge.kill()
    await cable.unplug()  # what was held back is lost: the reader never hears that its token is stored
    await cable.release()
    await cable.plug()
    await bridge.start()
    await script.event(bridge.log, "token_repeated", stored_before)
    await script.see("done")


async def card_lifted(script: Script, people: People) -> None:
    """Face; the card is lifted during the match."""
    await begin_face(script, people, people.nobody)
    await script.see("look_at_camera")
    await script.stand_for_frames(people.patient, 2, then=people.nobody)
    await script.lift()
    await script.see("card_lifted")


STORIES = (
    Story("a_face", face_visit, "face", verified=True),
    Story("b_face_of_another", face_of_another, "face", verified=False, refused="face_mismatch"),
    Story("c_pin", pin_visit, "pin", verified=True),
    Story("d_wrong_pin_first", wrong_pin_first, "pin", verified=True),
    Story("e_cable_pulled", cable_pulled, "face", verified=True),
    Story("f_bridge_killed", bridge_killed, "face", verified=True),
    Story("g_card_lifted", card_lifted, "face", verified=False, refused="card_removed"),
    Story("h_next_visit", face_visit, "face", verified=True),
)


async def begin_face(script: Script, people: People, before_camera: Frame) -> None:
    """Lay the face card down, somebody before the camera, and choose the face."""
    script.show_to_camera(before_camera)
    await script.place(FACE_CARD)
    await choose(script, people, "face")


async def begin_pin(script: Script, people: People) -> None:
    """Lay the PIN card down and choose the PIN."""
    script.show_to_camera(people.nobody)
    await script.place(PIN_CARD)
    await choose(script, people, "pin")


async def choose(script: Script, people: People, way: str) -> None:
    """Read what is told of the card's certificate, if anything, and choose the way."""
    if people.stranger:
        await script.tap(UNKNOWN, "next")
    await script.tap(METHOD, way)


async def enter_pin(script: Script, pin: str) -> None:
    """Tap the digits, then go on."""
    await script.type(PAD, (*pin, "next"))


async def agree(script: Script) -> None:
    """Agree to everything asked."""
    await script.tap(CONSENTS, "agree_all")


def empty_room(size: tuple[int, int] = (640, 480)) -> Frame:
    """A grey wall: nobody stands before the camera."""
    return np.full((size[1], size[0], 3), 150, np.uint8)
