"""What the patient agrees to: nothing is ticked beforehand, and "no" weighs as much as "yes"."""

from firmware.flows.host import Appointment
from firmware.flows.kiosk import Visit
from firmware.flows.patient import Patient
from firmware.policy import Consent, consents_for
from firmware.screens.ask_consents import AskConsents
from firmware.screens.ask_one_consent import AskOneConsent
from firmware.screens.consent_item import ConsentItem


async def ask_consents(visit: Visit, appointment: Appointment) -> dict[Consent, bool]:
    """The consents that the rules of the day ask for at this facility, with the patient's answers.

    The time the patient takes is not counted in the outcome's "consent".
    """
    patient = visit.kiosk.patient
    thought_before = patient.thought_ms
    with visit.outcome.timed("consent"):
        given = await _ask(patient, consents_for(appointment.facility, appointment.today))
    visit.outcome.ms["consent"] -= patient.thought_ms - thought_before
    return given


async def _ask(patient: Patient, asked: tuple[Consent, ...]) -> dict[Consent, bool]:
    if not asked:
        return {}
    items = tuple(ConsentItem(consent.key, consent.years) for consent in asked)
    answer = await patient.ask(AskConsents(items))
    if answer != "choose":
        return dict.fromkeys(asked, answer == "agree_all")
    given = {}
    for index, (consent, item) in enumerate(zip(asked, items, strict=True), 1):
        given[consent] = await patient.ask(AskOneConsent(item, index, len(items))) == "agree"
    return given
