"""Cards in every state before the whole house: the real PC/SC daemon, reader, cable and bridge."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from board.demo.cards import IssuedCards
from board.demo.portraits import camera_frame, chip_photo, load_faces
from board.demo.script import Script
from board.demo.stage import Plan, Stage, issued_cards, set_stage
from board.demo.visits import CONSENTS, METHOD, PAD, agree, enter_pin
from board.profiles import load_profile
from board.sim.card.issue import personas
from board.sim.dock import Dock
from firmware.__main__ import look_of
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.drawn import Screen
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.last_try import LastTry
from firmware.screens.no_pin import NoPin

pytestmark = pytest.mark.asyncio(loop_scope="module")

Event = dict[str, Any]


class House:
    """The stage, a scripted patient on it, and what each visit left."""

    def __init__(self, stage: Stage[IssuedCards]) -> None:
        self.stage = stage
        self.script = Script(stage, look_of(load_profile("sim")))
        self.seen: list[str] = []
        self._reader_since = self._bridge_since = 0

    def saw(self, name: str, _: object) -> None:
        if not self.seen or self.seen[-1] != name:
            self.seen.append(name)
        self.script.saw(name)

    async def place(self, persona: str) -> None:
        """Lay a card down; what is looked at later begins here."""
        await self.script.see("place_card")
        self.seen.clear()
        self._reader_since = len(self.stage.reader.log.events)
        self._bridge_since = len(self.stage.bridge.log.events)
        await self.script.place(persona)

    async def pin_visit(self, persona: str, *before: tuple[Screen, str]) -> None:
        """Card down, what comes `before` the choice, the PIN."""
        await self.place(persona)
        for screen, area in before:
            await self.script.tap(screen, area)
        await self.script.tap(METHOD, "pin")
        await enter_pin(self.script, personas()[persona]["pin"])

    async def ended(self) -> Event:
        """Take the card; what the reader says of the visit."""
        await self.script.leave()
        return await self.script.event(self.stage.reader.log, "visit_ended", self._reader_since)

    def stored(self) -> list[str]:
        """What the bridge knew of the certificate of each visit that it stored since the card was placed."""
        events = self.stage.bridge.log.events[self._bridge_since :]
        return [event["certificate"] for event in events if event["event"] == "token_stored"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    faces = load_faces()
    photos = dict.fromkeys(("adult", "no_pin", "slow"), chip_photo(faces.card))
    plan = Plan(tmp_path_factory.mktemp("house") / "out", Path("build/models"), photos)
    dock = Dock()
    dock.sees = camera_frame(faces.patient)
    early: list[str] = []
    dock.on_show = lambda name, _: early.append(name)
    async with set_stage(plan, dock, issued_cards, lambda _: None) as stage:
        house = House(stage)
        dock.on_show = house.saw
        for name in early:
            house.saw(name, None)
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def house(running: House) -> House:
    await running.script.leave()
    return running


async def test_a_card_that_answers_no_more_is_told_and_the_next_patient_is_served(house: House) -> None:
    await house.place("adult")
    await house.script.see(METHOD.name)
    await house.stage.cards.tray.mute_after_commands(1)
    await house.script.tap(METHOD, "face")
    await house.script.see("card_problem")
    assert (await house.ended())["refused"] == "card_fault: no answer in 10 s"
    assert house.stored() == []
    await house.pin_visit("pin_person")
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]


async def test_a_slow_card_is_given_its_time(house: House) -> None:
    await house.place("slow")
    await house.script.tap(METHOD, "face")
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]


async def test_a_certificate_near_its_end_is_told_to_patient_and_reception(house: House) -> None:
    await house.pin_visit("ending_certificate", (CertificateNotice("ending", 3), "next"))
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]
    assert house.stored() == ["ending"]


async def test_an_ended_certificate_confirms_the_insurance_and_nothing_is_asked(house: House) -> None:
    await house.pin_visit("ended_certificate", (CertificateNotice("ended", 3), "next"))
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]
    assert house.stored() == ["ended"]
    assert CONSENTS.name not in house.seen


@pytest.mark.parametrize("persona", ["expired_certificate", "revoked_certificate"])
async def test_a_certificate_that_is_of_no_use_ends_the_visit_before_anything_is_asked(
    house: House, persona: str
) -> None:
    await house.place(persona)
    await house.script.see("card_problem")
    assert (await house.ended())["refused"] == f"certificate_{persona.partition('_')[0]}"
    assert METHOD.name not in house.seen


async def test_the_last_try_is_asked_about_and_then_serves(house: House) -> None:
    await house.place("one_try_left")
    await house.script.tap(METHOD, "pin")
    await house.script.tap(LastTry(face=True), "pin")
    await enter_pin(house.script, personas()["one_try_left"]["pin"])
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]


async def test_a_card_without_a_pin_is_served_by_face(house: House) -> None:
    await house.place("no_pin")
    await house.script.tap(NoPin(face=True), "face")
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["method"] == "face"
    assert not {METHOD.name, PAD.name} & set(house.seen)


async def test_an_infant_s_card_is_led_from_the_face_to_the_pin(house: House) -> None:
    await house.place("infant")
    await house.script.tap(METHOD, "face")
    await house.script.tap(FaceNotPossible("no_photo", pin=True), "pin")
    await enter_pin(house.script, personas()["infant"]["pin"])
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["method"] == "pin"


async def test_a_card_of_the_next_generation_is_served_by_pin(house: House) -> None:
    await house.pin_visit("next_generation")
    await agree(house.script)
    await house.script.see("done")
    assert (await house.ended())["acknowledged"]
    assert house.stored() == ["good"]
