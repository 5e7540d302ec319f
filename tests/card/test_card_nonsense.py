"""A card that answers nonsense: every command of every use of the reading library, every kind of nonsense."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from nonsense import Disturbed, Nonsense, every_kind

from board.contracts import CardFault, CardGone
from board.sim.card.applications import (
    AUTHENTICATION_PIN,
    JPKI_AID,
    NUMBER_A,
    NUMBER_B,
    NUMBER_LIMIT,
    PIN_LIMIT,
    SIGNATURE_PIN,
    SIGNATURE_PIN_LIMIT,
    SURFACE_AID,
)
from board.sim.card.authority import Authority
from board.sim.card.chip import VirtualCard
from board.sim.card.data import CardData
from board.sim.card.files import Counters
from board.sim.card.issue import issue_card, person_of, personas, silhouette
from board.sim.card.trace import Trace
from firmware.card.face_ap import CardSurfaceAp, NumberBBlocked, NumberBOk, NumberBWrong
from firmware.card.jpki import Jpki, PinAbsent, PinBlocked, PinOk, PinReady, PinWrong
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.token.anchors import TrustAnchors
from firmware.token.evidence import (
    digest_info,
    verify_authentication_certificate,
    verify_card_key,
    verify_photo,
    verify_pin_signature,
)
from firmware.token.refusal import TokenRefused

DECLARED = (CardDamaged, NotMyNumberCard, CardFault, CardGone, TokenRefused)
"""The last one is the verifier's, for what only it can judge."""
BOUND = bytes(range(32))
WRONG_PIN, WRONG_NUMBER_B = bytearray(b"0000"), "0" * 14


@dataclass(frozen=True)
class Known:
    """A card, and what its holder and a verifier know of it."""

    data: CardData
    anchors: TrustAnchors

    def session(self, extended: bool, nonsense: Nonsense | None = None, first: int = 0) -> tuple[Disturbed, Counters]:
        """A session with it as issued, and the card's counters."""
        counters = Counters()
        return Disturbed(
            VirtualCard(self.data, counters, Trace(lambda line: None)), extended, nonsense, first
        ), counters


@pytest.fixture(scope="session")
def known(issued) -> Known:
    """Its photo is small, so that reading it takes few commands."""
    authority = Authority.load(issued.cards.parent / "authority")
    return Known(issue_card(person_of(personas()["adult"]), silhouette((16, 20)), authority), issued.anchors)


def label(session, known):
    return Jpki(session).medium


def pin_state(session, known):
    return Jpki(session).pin_state()


def certificate(session, known):
    der = Jpki(session).authentication_certificate()
    verify_authentication_certificate(der, known.anchors)
    return der


def right_pin(session, known):
    jpki = Jpki(session)
    jpki.pin_state()
    return jpki.verify_pin(bytearray(known.data.pin.encode()))


def wrong_pin(session, known):
    jpki = Jpki(session)
    jpki.pin_state()
    return jpki.verify_pin(WRONG_PIN)


def wrong_pin_unasked(session, known):
    return Jpki(session).verify_pin(WRONG_PIN)


def pin_signature(session, known):
    jpki = Jpki(session)
    jpki.pin_state()
    jpki.verify_pin(bytearray(known.data.pin.encode()))
    signature = jpki.sign(digest_info(BOUND))
    verify_pin_signature(
        verify_authentication_certificate(known.data.authentication_certificate, known.anchors), BOUND, signature
    )
    return signature


def number_b_tries(session, known):
    return CardSurfaceAp(session).number_b_tries()


def right_number_b(session, known):
    return CardSurfaceAp(session).verify_number_b(known.data.number_b)


def wrong_number_b(session, known):
    return CardSurfaceAp(session).verify_number_b(WRONG_NUMBER_B)


def photo(session, known):
    ap = CardSurfaceAp(session)
    ap.verify_number_b(known.data.number_b)
    face, issuer = ap.surface(), ap.issuer_certificate()
    verify_photo(issuer, face.group1, face.group2_hash, face.photo_hash, face.signature, known.anchors)
    return face.photo


def card_signature(session, known):
    signature = CardSurfaceAp(session).sign_with_card_key(BOUND)
    verify_card_key(known.data.card_key.public_key(), BOUND, signature)
    return signature


PIN_STATES = {0x9000: PinReady(3), 0x6983: PinBlocked(), 0x6984: PinAbsent(), 0x6A88: PinAbsent()}
PIN_STATES |= {0x63C0: PinBlocked()} | {0x63C0 | left: PinReady(left) for left in range(1, 16)}
PIN_ANSWERS = {0x9000: PinOk(), 0x6983: PinBlocked(), 0x6984: PinBlocked(), 0x63C0: PinBlocked()}
PIN_ANSWERS |= {0x63C0 | left: PinWrong(left) for left in range(1, 16)}
TRIES = {0x9000: 10, 0x6983: 0, 0x6984: 0} | {0x63C0 | left: left for left in range(16)}
NUMBER_B_STATES = {sw: NumberBBlocked(left) for sw, left in TRIES.items() if left < 4}
NUMBER_B_ANSWERS = {sw: NumberBWrong(left) for sw, left in TRIES.items()} | {0x9000: NumberBOk()}

USES: dict[Callable[[Disturbed, Known], Any], tuple[dict[int, Any], ...]] = {
    label: (),
    pin_state: (PIN_STATES,),
    certificate: (),
    right_pin: (PIN_ANSWERS,),
    wrong_pin: (PIN_ANSWERS,),
    wrong_pin_unasked: (PIN_ANSWERS,),
    pin_signature: (),
    number_b_tries: (TRIES,),
    right_number_b: (NUMBER_B_STATES, NUMBER_B_ANSWERS),
    wrong_number_b: (NUMBER_B_STATES, NUMBER_B_ANSWERS),
    photo: (),
    card_signature: (),
}
"""With the values that a status word in answer to VERIFY means there: a card is taken at its word."""


@pytest.mark.parametrize("extended", [False, True], ids=["short", "extended"])
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_nonsense_is_never_believed_and_spends_no_try(known, use, extended):
    sound, tries = known.session(extended)
    right = use(sound, known)
    for first, command in enumerate(sound.sent):
        for nonsense in every_kind():
            card, tries_after = known.session(extended, nonsense, first)
            case = f"{nonsense.name}, to command {first}, {command[:4].hex()}"
            try:
                value = use(card, known)
            except DECLARED:
                pass
            except Exception as error:
                raise AssertionError(f"{case}: {error!r}") from error
            else:
                taken_at_its_word = [meanings[sw] for meanings in USES[use] for sw in card.told if sw in meanings]
                assert value in [right, *taken_at_its_word], f"{case}: {value!r}"
            assert len(card.presented()) <= len(sound.presented()), case
            assert len(set(card.presented())) == len(card.presented()), f"{case}: the same PIN again"
            assert all(map(int.__ge__, left(tries_after), left(tries))), case


def left(counters: Counters) -> list[int]:
    """Tries left of every PIN on the card."""
    pins = (
        (JPKI_AID, AUTHENTICATION_PIN, PIN_LIMIT),
        (JPKI_AID, SIGNATURE_PIN, SIGNATURE_PIN_LIMIT),
        (SURFACE_AID, NUMBER_B, NUMBER_LIMIT),
        (SURFACE_AID, NUMBER_A, NUMBER_LIMIT),
    )
    return [counters.left(*pin) for pin in pins]
