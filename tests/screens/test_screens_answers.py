"""Each screen offers the answers that its question has, and no other."""

from pathlib import Path

import pytest
from PIL import Image

from firmware.screens.__main__ import contact_sheet
from firmware.screens.ask_consents import AskConsents
from firmware.screens.ask_one_consent import AskOneConsent
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.consent_item import ConsentItem
from firmware.screens.done import Done
from firmware.screens.enter_pin import EnterPin
from firmware.screens.face_failed import FaceFailed
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.last_try import LastTry
from firmware.screens.look import Look
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.no_pin import NoPin
from firmware.screens.out_of_order import OutOfOrder
from firmware.screens.pin_locked import PinLocked
from firmware.screens.place_card import PlaceCard
from firmware.screens.reception_called import ReceptionCalled
from firmware.screens.samples import Screen
from firmware.screens.still_there import StillThere
from firmware.screens.turn_card import TurnCard

LOOK = Look()
FRAME = {"language", "text_size", "reception"}
ITEM = ConsentItem("checkups", 5)
PAD = {*"0123456789", "erase", "next", "face"}


@pytest.mark.parametrize(
    ("screen", "answers"),
    [
        (PlaceCard(), set()),
        (ChooseMethod(pin=True, face=True), {"face", "pin", "stop"}),
        (ChooseMethod(pin=False, face=True), {"face", "stop"}),
        (LookAtCamera(None, "no_face", 0.0, pin=True), {"pin", "stop"}),
        (LookAtCamera(None, "no_face", 0.0, pin=False), {"stop"}),
        (FaceFailed(2, pin=True), {"again", "pin", "stop"}),
        (FaceFailed(0, pin=True), {"pin", "stop"}),
        (FaceFailed(0, pin=False), {"stop"}),
        (EnterPin(0, 3, wrong=False), {*PAD, "stop"}),
        (PinLocked(face=True), {"face", "stop"}),
        (LastTry(face=True), {"face", "pin", "stop"}),
        (LastTry(face=False), {"pin", "stop"}),
        (NoPin(face=True), {"face", "stop"}),
        (NoPin(face=False), {"stop"}),
        (FaceNotPossible("no_photo", pin=True), {"pin", "stop"}),
        (FaceNotPossible("locked", pin=False), {"stop"}),
        (CertificateNotice("ended", 3), {"next", "stop"}),
        (AskConsents((ITEM,)), {"agree_all", "choose", "agree_none", "stop"}),
        (AskOneConsent(ITEM, 1, 1), {"agree", "disagree", "stop"}),
        (StillThere(), {"continue", "stop"}),
        (ReceptionCalled(reached=False), {"continue"}),
        (TurnCard(), set()),
        (Done(reception=False), set()),
    ],
)
def test_screen_offers_its_answers_and_reception(screen: Screen, answers: set[str]) -> None:
    assert set(screen.draw(LOOK).areas) == FRAME | answers


def test_reader_out_of_order_offers_nothing() -> None:
    assert OutOfOrder("M01", "build the models again").draw(LOOK).areas == {}


def test_reception_once_called_is_not_offered_again() -> None:
    assert "reception" not in ReceptionCalled(reached=True).draw(LOOK).areas


def test_answers_about_consent_have_the_same_size_and_ink() -> None:
    drawn = AskConsents((ITEM,)).draw(LOOK)
    answers = [drawn.areas[name] for name in ("agree_all", "choose", "agree_none")]
    assert len({(box.width, box.height, box.top) for box in answers}) == 1
    edges = [drawn.image.getpixel((box.left + box.width // 2, box.top)) for box in answers]
    grounds = [drawn.image.getpixel((box.left + 8, box.centre[1])) for box in answers]
    assert len(set(edges)) == len(set(grounds)) == 1
    texts = [text for text in drawn.written if any(box.holds(*text.box.centre) for box in answers)]
    assert len({(text.role, text.size_mm, text.colour) for text in texts}) == 2  # answer and hint


def test_keys_stay_where_they_are_whatever_is_said() -> None:
    layouts = [EnterPin(0, 3, wrong=False), EnterPin(4, 3, wrong=False), EnterPin(1, 1, wrong=True)]
    assert len({tuple(screen.draw(LOOK).areas.items()) for screen in layouts}) == 1


def test_screen_shows_how_many_digits_there_are() -> None:
    pictures = [EnterPin(digits, 3, wrong=False).draw(LOOK).image.tobytes() for digits in range(5)]
    assert len(set(pictures)) == 5


def test_camera_s_picture_is_shown_as_in_a_mirror() -> None:
    left_is_red = Image.new("RGB", (640, 480), "blue")
    left_is_red.paste("red", (0, 0, 320, 480))
    image = LookAtCamera(left_is_red, "good", 0.5, pin=True).draw(LOOK).image
    mirror_left, mirror_right = image.getpixel((300, 390)), image.getpixel((520, 390))
    assert (mirror_left, mirror_right) == ((0, 0, 255), (255, 0, 0))


def test_ring_closes_as_the_look_goes_on() -> None:
    frames = [LookAtCamera(None, "good", done, pin=True).draw(LOOK).image.tobytes() for done in (0.0, 0.5, 1.0)]
    assert len(set(frames)) == 3


def test_long_advice_to_a_technician_stays_on_the_screen() -> None:
    drawn = OutOfOrder("M01", "/srv/reader/models/" + "x" * 150 + ".tflite: altered").draw(LOOK)
    assert all(text.box.right <= 1280 and text.box.bottom <= 800 for text in drawn.written)


def test_larger_panel_shows_the_same_screen_larger() -> None:
    small = EnterPin(0, 3, wrong=False).draw(Look())
    large = EnterPin(0, 3, wrong=False).draw(Look((1920, 1200), 8.85))
    assert large.areas["5"].width == pytest.approx(1.5 * small.areas["5"].width, abs=3)


def test_contact_sheet_shows_every_picture(tmp_path: Path) -> None:
    assert contact_sheet(tmp_path, {"place_card": PlaceCard()}) == 4
    page = (tmp_path / "index.html").read_text("utf-8")
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == 4 and all(f'src="{picture.name}"' in page for picture in pictures)
