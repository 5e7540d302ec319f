from datetime import UTC, date, datetime, timedelta

import pytest

from firmware.policy import Facility, FacilityKind, Mark, consents_for, japanese_day

MEDICAL = Facility(FacilityKind.MEDICAL)
FIRST_DAY = date(2021, 3, 1)


def keys_on(day: date, facility: Facility = MEDICAL) -> list[str]:
    return [consent.key for consent in consents_for(facility, day)]


def test_nothing_is_asked_before_the_service_began() -> None:
    assert keys_on(FIRST_DAY - timedelta(days=1)) == []


def test_each_consent_is_asked_from_its_day_on() -> None:
    assert keys_on(FIRST_DAY) == ["checkups"]
    assert keys_on(date(2021, 10, 19)) == ["checkups"]
    assert keys_on(date(2021, 10, 20)) == ["treatment_medicine", "checkups"]
    assert keys_on(date(2023, 4, 30)) == ["treatment_medicine", "checkups"]
    assert keys_on(date(2023, 5, 1)) == ["treatment_medicine", "checkups", "operations"]


def test_a_later_rule_takes_the_place_of_an_earlier_one() -> None:
    medicine_only = consents_for(MEDICAL, date(2022, 8, 31))[0]
    with_treatment = consents_for(MEDICAL, date(2022, 9, 1))[0]
    assert medicine_only.elements == ("PharmacistsInfo",)
    assert with_treatment.elements == ("PharmacistsInfo", "DiagnosisInfo")
    assert medicine_only.number == with_treatment.number


@pytest.mark.parametrize("kind", FacilityKind)
def test_numbers_are_distinct_and_rules_keep_mark_and_source(kind: FacilityKind) -> None:
    consents = consents_for(Facility(kind), date(2026, 9, 21))
    assert [consent.number for consent in consents] == [1, 2, 3]
    assert [consent.years for consent in consents] == [3, 5, None]
    assert {consent.key: consent.mark for consent in consents} == {
        "treatment_medicine": Mark.GENERAL_KNOWLEDGE,
        "checkups": Mark.CERTAIN,
        "operations": Mark.GENERAL_KNOWLEDGE,
    }
    assert all(consent.source for consent in consents)


def test_a_day_begins_at_midnight_in_japan() -> None:
    midnight = int(datetime(2026, 9, 20, 15, tzinfo=UTC).timestamp())
    assert [japanese_day(midnight - 1), japanese_day(midnight)] == [date(2026, 9, 20), date(2026, 9, 21)]
