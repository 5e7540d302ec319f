"""Who stands before the reader: confirmed by face, or by the card's PIN."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from firmware.card.face_ap import NUMBER_B_LENGTH, CardSurfaceAp, NumberBBlocked, NumberBWrong, Surface
from firmware.card.jpki import PIN_LENGTH, Jpki, PinAbsent, PinBlocked, PinOk, PinReady, PinWrong
from firmware.face.decide import Reason
from firmware.flows.face_worker import FaceUnavailable, FaceWorker, PhotoUnusable, Sight
from firmware.flows.kiosk import Ended, Visit
from firmware.screens.card_problem import CardProblem
from firmware.screens.choose_method import ChooseMethod
from firmware.screens.enter_pin import EnterPin
from firmware.screens.face_failed import FaceFailed
from firmware.screens.face_not_possible import FaceNotPossible
from firmware.screens.last_try import LastTry
from firmware.screens.look_at_camera import LookAtCamera
from firmware.screens.no_pin import NoPin
from firmware.screens.pin_locked import PinLocked
from firmware.screens.reading_card import ReadingCard
from firmware.screens.turn_card import TurnCard
from firmware.token.certificate import load_certificate
from firmware.token.claims import Method
from firmware.token.evidence import (
    Evidence,
    FaceEvidence,
    PinEvidence,
    card_input,
    verify_card_key,
    verify_photo,
    verify_pin_signature,
)
from firmware.token.refusal import TokenRefused

LOOK_S = 20.0
"""One attempt without a good picture of the face ends after so long."""


class Proof(Protocol):
    """A confirmed person: what the card signs at the end becomes the evidence."""

    method: ClassVar[Method]

    async def evidence(self, visit: Visit, bound: bytes) -> Evidence:
        """Have the card sign `bound` (firmware.token.evidence.binding)."""


@dataclass(frozen=True)
class FaceProof:
    """The face before the camera is that of the card's photo, and the photo is the issuer's."""

    ap: CardSurfaceAp
    surface: Surface
    issuer_certificate: bytes
    card_key: RSAPublicKey
    method: ClassVar = Method.FACE

    async def evidence(self, visit: Visit, bound: bytes) -> Evidence:
        signature = await visit.card.do(self.ap.sign_with_card_key, bound)
        try:
            verify_card_key(self.card_key, bound, signature)
        except TokenRefused as refused:
            raise Ended(f"card_refused: {refused.refusal.value}", CardProblem("002")) from refused
        return FaceEvidence(
            visit.certificate,
            self.issuer_certificate,
            self.surface.group1,
            self.surface.group2_hash,
            self.surface.photo_hash,
            self.surface.signature,
            signature,
        )


@dataclass(frozen=True)
class PinProof:
    """The patient knew the PIN; the card keeps it verified until it is powered off."""

    jpki: Jpki
    method: ClassVar = Method.PIN

    async def evidence(self, visit: Visit, bound: bytes) -> Evidence:
        try:
            certificate = load_certificate(visit.certificate)  # its issuer was judged when it was read
            signature = await visit.card.do(self.jpki.sign, card_input(visit.certificate, bound))
            verify_pin_signature(certificate, bound, signature)
        except TokenRefused as refused:
            raise Ended(f"card_refused: {refused.refusal.value}", CardProblem("002")) from refused
        return PinEvidence(visit.certificate, signature)


async def confirm_person(visit: Visit) -> Proof:
    """Ask how, then confirm; the patient may change the way as often as they like. Raises Ended."""
    way: Proof | str = await ask_way(visit)
    while isinstance(way, str):
        way = await (by_face(visit) if way == "face" else by_pin(visit))
    return way


async def ask_way(visit: Visit) -> str:
    """The way the patient chooses, of those that this card has."""
    patient = visit.kiosk.patient
    match visit.pin:
        case PinReady():
            return await patient.ask(ChooseMethod(pin=True, face=visit.face_left))
        case PinBlocked():
            visit.outcome.refused = "pin_blocked"
            return await patient.ask(PinLocked(face=visit.face_left))
        case PinAbsent():
            if not visit.face_left:
                visit.outcome.refused = "pin_absent"
            return await patient.ask(NoPin(face=visit.face_left))


async def by_face(visit: Visit) -> Proof | str:
    """Compare the patient with the card's photo; a proof, or the other way that the patient chose."""
    patient, outcome, worker = visit.kiosk.patient, visit.outcome, visit.kiosk.face
    if visit.face_barred:
        return await patient.ask(FaceNotPossible(visit.face_barred, pin=visit.pin_left))
    if worker is None or not visit.face_left:
        return await patient.ask(FaceFailed(0, pin=visit.pin_left))
    await patient.show(ReadingCard())
    with outcome.timed("card"):
        proof = await read_surface(visit)
    if isinstance(proof, str):
        outcome.refused = "number_b_blocked" if proof == "locked" else "photo_absent"
        visit.face_barred = proof
        return await by_face(visit)
    try:
        with outcome.timed("person"):
            await worker.reference(proof.surface.photo)
        while True:
            answer = await look(visit, worker)
            if answer is None:
                return proof
            if answer == "again":  # this attempt failed
                answer = await patient.ask(FaceFailed(visit.face_attempts_left, pin=visit.pin_left))
            if answer != "again":
                return answer
    except PhotoUnusable as unusable:
        outcome.refused = f"photo_unusable: {unusable.reason}"
    except FaceUnavailable as fault:
        outcome.refused = f"face_unavailable: {fault.reason}"
    visit.face_attempts_left = 0
    return await patient.ask(FaceFailed(0, pin=visit.pin_left))


async def read_surface(visit: Visit) -> FaceProof | Literal["no_photo", "locked"]:
    """Photo and signatures from the card, opened by number B, or why this card's holder cannot be confirmed by face.

    What the issuer did not sign is refused. Raises Ended.
    """
    card = visit.card
    number_b = await visit.kiosk.card_face.number_b()
    if number_b is None or len(number_b) != NUMBER_B_LENGTH or not (number_b.isascii() and number_b.isdecimal()):
        raise Ended("number_b_unreadable", TurnCard())
    ap = await card.do(CardSurfaceAp, card.session)
    opened = await card.do(ap.verify_number_b, number_b)
    if isinstance(opened, NumberBBlocked):
        return "locked"
    if isinstance(opened, NumberBWrong):  # another card's, or read wrongly
        raise Ended("number_b_wrong", TurnCard())
    surface = await card.do(ap.surface)
    issuer_certificate = await card.do(ap.issuer_certificate)
    try:
        card_key = verify_photo(
            issuer_certificate,
            surface.group1,
            surface.group2_hash,
            surface.photo_hash,
            surface.signature,
            visit.kiosk.anchors,
        )
    except TokenRefused as refused:
        raise Ended(f"card_refused: {refused.refusal.value}", CardProblem("002")) from refused
    if not surface.photo:
        return "no_photo"
    return FaceProof(ap, surface, issuer_certificate, card_key)


async def look(visit: Visit, worker: FaceWorker) -> str | None:
    """One attempt before the camera: None when the person is confirmed, "again" when not, else the area touched."""
    patient, outcome = visit.kiosk.patient, visit.outcome

    async def show(sight: Sight) -> None:
        await patient.show(LookAtCamera(sight.preview, sight.guidance, sight.progress, pin=visit.pin_left))

    outcome.method = Method.FACE
    await show(Sight(None, "no_face", 0.0))  # at once: a finger still on the screen before is no answer to this one
    looking = asyncio.create_task(worker.look(show))
    choosing = asyncio.create_task(patient.choice())
    try:
        await asyncio.wait({looking, choosing}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            face = looking.result()
            outcome.score, outcome.threshold = face.score, face.threshold
            outcome.ms["person"] = outcome.ms.get("person", 0.0) + face.ms
            if face.reason is Reason.MATCH:
                outcome.refused = None
                return None
            outcome.refused = f"face_{face.reason.value}"
            visit.face_attempts_left -= 1
            return "again"
        if choosing.done():
            return choosing.result()
        outcome.refused = "no_usable_face"
        visit.face_attempts_left -= 1
        return "again"
    finally:
        looking.cancel()
        choosing.cancel()
        await asyncio.wait({looking, choosing})


async def by_pin(visit: Visit) -> Proof | str:
    """Have the patient enter the PIN; a proof, or the other way that the patient chose."""
    patient, card = visit.kiosk.patient, visit.card
    with visit.outcome.timed("card"):
        jpki = await card.do(Jpki, card.session)
        visit.pin = await card.do(jpki.pin_state)
    wrong = False
    while isinstance(visit.pin, PinReady):
        tries_left = visit.pin.tries_left
        if tries_left == 1 and await patient.ask(LastTry(visit.face_left, wrong)) == "face":
            return "face"
        pin = bytearray()
        try:
            touched = await patient.ask(EnterPin(0, tries_left, wrong))
            while touched != "next" or len(pin) < PIN_LENGTH:
                if touched == "face":
                    return touched
                if touched == "erase":
                    del pin[-1:]
                elif touched.isdigit() and len(pin) < PIN_LENGTH:
                    pin += touched.encode()
                touched = await patient.ask(EnterPin(len(pin), tries_left, wrong), same_question=True)
            visit.outcome.method = Method.PIN
            with visit.outcome.timed("person"):
                verified = await card.do(jpki.verify_pin, pin)
        finally:
            pin[:] = bytes(len(pin))
        if isinstance(verified, PinOk):
            return PinProof(jpki)
        visit.outcome.refused = "pin_wrong"
        visit.pin = PinReady(verified.tries_left) if isinstance(verified, PinWrong) else verified
        wrong = True
    return await ask_way(visit)
