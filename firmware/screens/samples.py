"""Every screen in every state that looks different, for those who check how screens look and read."""

from collections.abc import Iterator
from itertools import product

from firmware.screens.ask_consents import AskConsents
from firmware.screens.ask_one_consent import AskOneConsent
from firmware.screens.cannot_check import CannotCheck
from firmware.screens.card_forgotten import CardForgotten
from firmware.screens.card_lifted import CardLifted
from firmware.screens.card_problem import CardProblem
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.checking import Checking
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.consent_item import ConsentItem
from firmware.screens.done import Done
from firmware.screens.drawn import Screen
from firmware.screens.enter_pin import EnterPin
from firmware.screens.face_failed import FaceFailed
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.last_try import LastTry
from firmware.screens.look import DEMO_FOOTER, Language, Look
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.no_pin import NoPin
from firmware.screens.out_of_order import OutOfOrder
from firmware.screens.pair_reader import PairReader
from firmware.screens.pairing_code import PairingCode
from firmware.screens.pin_locked import PinLocked
from firmware.screens.place_card import PlaceCard
from firmware.screens.reading_card import ReadingCard
from firmware.screens.reception_called import ReceptionCalled
from firmware.screens.still_there import StillThere
from firmware.screens.terminal_away import TerminalAway
from firmware.screens.turn_card import TurnCard
from firmware.screens.waiting_for_terminal import WaitingForTerminal

GUIDANCE = (
    "no_face",
    "many_faces",
    "too_far",
    "too_close",
    "off_centre",
    "too_dark",
    "blurred",
    "good",
    "camera_gone",
)
_ITEMS = (ConsentItem("treatment_medicine", 3), ConsentItem("checkups", 5), ConsentItem("operations", None))

SAMPLES: dict[str, Screen] = {
    "place_card": PlaceCard(),
    "reading_card": ReadingCard(),
    "choose_method": ChooseMethod(pin=True, face=True),
    "choose_method_face_only": ChooseMethod(pin=False, face=True),
    "choose_method_pin_only": ChooseMethod(pin=True, face=False),
    **{f"look_at_camera_{key}": LookAtCamera(None, key, 0.6 * (key == "good"), pin=True) for key in GUIDANCE},
    "look_at_camera_gone_no_pin": LookAtCamera(None, "camera_gone", 0.0, pin=False),
    "face_failed": FaceFailed(2, pin=True),
    "face_failed_last": FaceFailed(0, pin=True),
    "face_failed_no_pin": FaceFailed(1, pin=False),
    "face_failed_nothing_left": FaceFailed(0, pin=False),
    "face_not_possible_no_photo": FaceNotPossible("no_photo", pin=True),
    "face_not_possible_no_photo_no_pin": FaceNotPossible("no_photo", pin=False),
    "face_not_possible_locked": FaceNotPossible("locked", pin=True),
    "face_not_possible_locked_no_pin": FaceNotPossible("locked", pin=False),
    "enter_pin": EnterPin(2, 3, wrong=False),
    "enter_pin_full": EnterPin(4, 3, wrong=False),
    "enter_pin_wrong": EnterPin(0, 2, wrong=True),
    "enter_pin_last_try": EnterPin(1, 1, wrong=False),
    "last_try": LastTry(face=True),
    "last_try_wrong": LastTry(face=True, wrong=True),
    "last_try_no_face": LastTry(face=False),
    "no_pin": NoPin(face=True),
    "no_pin_no_face": NoPin(face=False),
    "certificate_ending": CertificateNotice("ending", 3),
    "certificate_ended": CertificateNotice("ended", 3),
    "certificate_unknown": CertificateNotice("unknown", 3),
    "pin_locked": PinLocked(face=True),
    "pin_locked_no_face": PinLocked(face=False),
    "ask_consents": AskConsents(_ITEMS),
    "ask_consents_two": AskConsents(_ITEMS[:2]),
    **{f"ask_one_consent_{index}": AskOneConsent(item, index, len(_ITEMS)) for index, item in enumerate(_ITEMS, 1)},
    "checking": Checking(),
    "waiting_for_terminal": WaitingForTerminal(),
    "done": Done(reception=False),
    "done_reception": Done(reception=True),
    "card_forgotten": CardForgotten(),
    "card_lifted": CardLifted(),
    "turn_card": TurnCard(),
    "card_problem_001": CardProblem("001"),
    "card_problem_002": CardProblem("002"),
    "card_problem_006": CardProblem("006"),
    "card_problem_006_expired": CardProblem("006", expired=True),
    "cannot_check": CannotCheck(),
    "terminal_away": TerminalAway(),
    "pair_reader": PairReader("SIM-0001"),
    "pair_reader_failed": PairReader("SIM-0001", failed=True),
    "pairing_code": PairingCode("042917", "SIM-0001"),
    "still_there": StillThere(),
    "reception_called": ReceptionCalled(reached=True),
    "reception_called_missed": ReceptionCalled(reached=False),
    "out_of_order": OutOfOrder("M01", "build/models/detector.tflite: the file was changed; build the models again"),
}


def looks() -> Iterator[tuple[str, Look]]:
    """Every language and size of the text, with a name each."""
    languages: tuple[Language, ...] = ("ja", "en")
    for language, large in product(languages, (False, True)):
        yield f"{language}-{'large' if large else 'normal'}", Look(language=language, large=large, footer=DEMO_FOOTER)
