"""A patient's visit, read top to bottom, guards first.

The process that runs it serves one patient and ends, so whatever it knew is gone with it.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from board.contracts import CardFault, CardGone, CardInUse, Light, ReaderAbsent
from firmware.card.jpki import Jpki
from firmware.card.medium import CardDamaged, NotMyNumberCard
from firmware.flows.consents import ask_consents
from firmware.flows.host import Appointment, Delivery, HostSilent
from firmware.flows.kiosk import ANSWER_S, Card, Ended, Kiosk, Outcome, Visit
from firmware.flows.person import confirm_person
from firmware.link.answers import CertificateStatus, Standing
from firmware.policy import Consent, certificate_rule
from firmware.screens.cannot_check import CannotCheck
from firmware.screens.card_forgotten import CardForgotten
from firmware.screens.card_lifted import CardLifted
from firmware.screens.card_problem import CardProblem
from firmware.screens.certificate_notice import CertificateNotice
from firmware.screens.checking import Checking
from firmware.screens.done import Done
from firmware.screens.drawn import Screen
from firmware.screens.out_of_order import OutOfOrder
from firmware.screens.place_card import PlaceCard
from firmware.screens.reading_card import ReadingCard
from firmware.screens.terminal_away import TerminalAway
from firmware.screens.waiting_for_terminal import WaitingForTerminal
from firmware.token.claims import Method
from firmware.token.evidence import binding, encode, verify_authentication_certificate
from firmware.token.refusal import TokenRefused

READER_CHECK_S = 3.0
"""How soon an idle reader notices that its card reader has been unplugged."""
TAKE_CARD_S = 10.0
"""A card left on the tray for so long after the last word is asked for."""
SLOW_TERMINAL_S = 3.0
"""A delivery that takes longer is explained."""
NO_TERMINAL_S = 90.0
"""After so long the patient is sent to the reception; the token is still delivered once the cable is back."""
NO_ROOM = "the reader's disk takes nothing: make room on it, or replace it. The reader then goes on by itself"
ALREADY_GONE_S = 0.1
LAST_WORD_S = 5.0
"""How long the last screen stays when the card has been taken already."""

VALID = 1
"""QualificationValidity (OQSCD006)."""

T = TypeVar("T")


@dataclass(frozen=True)
class Signed:
    """A visit that the card has vouched for."""

    appointment: Appointment
    standing: Standing
    method: Method
    consents: dict[Consent, bool]
    evidence: bytes


async def receive_patient(kiosk: Kiosk) -> Outcome:
    """Wait for a card, serve its holder, see the card taken away again."""
    outcome = Outcome()
    await card_placed(kiosk)
    kiosk.light.show(Light.BUSY)
    try:
        last_screen: Screen = await check_in(kiosk, outcome)
        kiosk.light.show(Light.GOOD)
    except Ended as ended:
        outcome.refused = outcome.refused or ended.reason
        last_screen = ended.screen
        kiosk.light.show(Light.CARE)
    await kiosk.patient.tell(last_screen)
    await see_card_taken(kiosk, remind=outcome.acknowledged)
    return outcome


async def card_placed(kiosk: Kiosk) -> None:
    """Ask for a card and wait for it; while no card reader works, no record can be kept, or the terminal is away, say
    so instead."""
    shown: Screen | None = None
    while True:
        screen: Screen = PlaceCard()
        light = Light.READY
        ready = await kiosk.host.readiness()
        if not ready.keeps:
            screen, light = OutOfOrder("J02", NO_ROOM), Light.CARE
        elif not ready.up:
            screen, light = TerminalAway(), Light.CARE
        try:
            await kiosk.card_reader.check()
        except ReaderAbsent as absent:
            screen, light = OutOfOrder("R01", absent.advice), Light.CARE
        if screen != shown:
            await kiosk.patient.show(screen)
            kiosk.light.show(light)
            shown = screen
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(kiosk.card_reader.inserted(), READER_CHECK_S)


async def check_in(kiosk: Kiosk, outcome: Outcome) -> Done:
    """Card read, person confirmed, consents given, token on the terminal's disk. Raises Ended."""
    await kiosk.patient.show(ReadingCard())
    try:
        async with asyncio.timeout(ANSWER_S):
            card = Card(await kiosk.card_reader.connect())
    except CardGone:
        raise Ended("card_removed", CardLifted()) from None
    except CardInUse:
        raise Ended("card_in_use", CannotCheck()) from None
    except CardFault as fault:
        raise Ended(f"card_fault: {fault.reason}", CardProblem("001")) from fault
    except TimeoutError:
        raise Ended("card_fault: not powered on in time", CardProblem("001")) from None
    visit = Visit(kiosk, card, outcome)
    try:
        signed = await while_present(kiosk, with_the_card(visit))
    finally:
        await card.power_off()

    receipt = await deliver(visit, signed)
    outcome.ms |= {"host": receipt.host_ms, "token": outcome.ms.get("token", 0.0) + receipt.token_ms}
    if not receipt.accepted:
        raise Ended(f"terminal_refused: {receipt.refusal}", CannotCheck())
    outcome.acknowledged = True
    standing = signed.standing
    sure = standing.registered and standing.validity == VALID and standing.certificate is not CertificateStatus.UNKNOWN
    return Done(reception=not sure)


async def with_the_card(visit: Visit) -> Signed:
    """Everything that needs the card on the tray; it ends with the card's own signature."""
    try:
        await read_certificate(visit)
        appointment, standing = await ask_terminal(visit)
        await tell_of_certificate(visit, standing.certificate, appointment.today)
        proof = await confirm_person(visit)
        visit.outcome.verified, visit.outcome.refused = True, None
        ended = standing.certificate is CertificateStatus.ENDED  # then no record may be shared: nothing is asked
        asked = standing.ask_consents and not ended
        consents = await ask_consents(visit, appointment) if asked else {}
        await visit.kiosk.patient.show(Checking())
        with visit.outcome.timed("token"):
            numbers = {item.number: given for item, given in consents.items()}
            bound = binding(appointment.bridge_id, appointment.nonce, appointment.cti, numbers, proof.method)
            evidence = encode(await proof.evidence(visit, bound))
    except CardGone:
        raise Ended("card_removed", CardLifted()) from None
    except NotMyNumberCard:
        raise Ended("not_my_number_card", CardProblem("002")) from None
    except CardDamaged as damaged:
        raise Ended(f"card_damaged: {damaged.step}", CardProblem("001")) from damaged
    except CardFault as fault:
        raise Ended(f"card_fault: {fault.reason}", CardProblem("001")) from fault
    return Signed(appointment, standing, proof.method, consents, evidence)


async def read_certificate(visit: Visit) -> None:
    """Read what finds the patient at the terminal, the authentication certificate, and how the PIN stands.

    Neither needs the PIN. A certificate of an issuer that is not known is refused.
    """
    with visit.outcome.timed("card"):
        jpki = await visit.card.do(Jpki, visit.card.session)
        visit.certificate = await visit.card.do(jpki.authentication_certificate)
        visit.pin = await visit.card.do(jpki.pin_state)
    try:
        verify_authentication_certificate(visit.certificate, visit.kiosk.anchors)
    except TokenRefused as refused:
        raise Ended(f"card_refused: {refused.refusal.value}", CardProblem("002")) from refused


async def ask_terminal(visit: Visit) -> tuple[Appointment, Standing]:
    """Open the visit at the terminal, and learn whether this card can be used at all."""
    host = visit.kiosk.host
    try:
        appointment = await host.open_visit()
        visit.outcome.cti = appointment.cti
        standing = await host.identify(appointment.cti, visit.certificate)
    except HostSilent:
        raise Ended("terminal_unreachable", CannotCheck()) from None
    if standing.certificate in (CertificateStatus.EXPIRED, CertificateStatus.REVOKED):
        raise Ended(
            f"certificate_{standing.certificate.value}",
            CardProblem("006", expired=standing.certificate is CertificateStatus.EXPIRED),
        )
    return appointment, standing


async def tell_of_certificate(visit: Visit, status: CertificateStatus, today: date) -> None:
    """What the patient should know of the card's certificate before going on, if anything."""
    match status.value:
        case "ending" | "ended" | "unknown" as notable:
            rule = certificate_rule(today)
            await visit.kiosk.patient.ask(CertificateNotice(notable, rule.months_before if rule else 0))


async def deliver(visit: Visit, signed: Signed) -> Delivery:
    """Hand the token over, and wait for the receipt. The card is not needed any more. Raises Ended."""
    patient, host = visit.kiosk.patient, visit.kiosk.host
    patient.on_leave = lambda reason: None  # the patient has agreed and signed: there is nothing left to stop
    delivery = asyncio.create_task(
        host.deliver(signed.appointment.cti, signed.method, signed.consents, signed.evidence)
    )
    try:
        async with asyncio.timeout(NO_TERMINAL_S):
            if not (await asyncio.wait({delivery}, timeout=SLOW_TERMINAL_S))[0]:
                await patient.show(WaitingForTerminal())
            return await asyncio.shield(delivery)
    except TimeoutError:
        raise Ended("terminal_unreachable", CannotCheck()) from None
    except HostSilent as silent:
        raise Ended(f"not_delivered: {silent}", CannotCheck()) from None


async def while_present(kiosk: Kiosk, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` while the patient stays; the card lifted, "stop" and silence all cancel it. Raises Ended."""
    left: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    def leave(ended: Ended) -> None:
        if not left.done():
            left.set_result(ended)

    async def watch_tray() -> None:
        await kiosk.card_reader.removed()
        leave(Ended("card_removed", CardLifted()))

    kiosk.patient.on_leave = lambda reason: leave(Ended(reason, CardForgotten()))
    working, watching = asyncio.create_task(work), asyncio.create_task(watch_tray())
    try:
        left.add_done_callback(lambda _: working.cancel())
        return await working
    except asyncio.CancelledError:
        if left.done():
            raise left.result() from None
        raise
    finally:
        watching.cancel()


async def see_card_taken(kiosk: Kiosk, *, remind: bool) -> None:
    """Keep the last screen up until the card is gone; where it has gone already, for as long as it takes to read, or
    until a card is there again. `remind`: ask for a card left behind, in place of what the screen says."""
    try:
        await asyncio.wait_for(kiosk.card_reader.removed(), ALREADY_GONE_S)
    except TimeoutError:
        taken = asyncio.create_task(kiosk.card_reader.removed())
        if remind and not (await asyncio.wait({taken}, timeout=TAKE_CARD_S))[0]:
            await kiosk.patient.tell(CardForgotten())
        await taken
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(kiosk.card_reader.inserted(), LAST_WORD_S)
