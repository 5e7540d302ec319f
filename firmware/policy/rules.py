"""What a facility may ask a patient on a given day, read from `rules.toml`."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import cache
from typing import Any

from firmware.policy.table import Mark, read_table


class FacilityKind(IntEnum):
    """Kinds of facility that the rules tell apart, numbered as in the point table (点数表コード)."""

    MEDICAL = 1
    """Hospitals and clinics."""
    DENTAL = 3
    PHARMACY = 4


@dataclass(frozen=True)
class Facility:
    """Who asks."""

    kind: FacilityKind


@dataclass(frozen=True)
class Consent:
    """One question to the patient, and the rule that allows it."""

    number: int
    """Its name in the token."""
    key: str
    """Its name in code and word catalogues."""
    years: int | None
    """How far back the records go; None where no source says."""
    elements: tuple[str, ...]
    """Result-file elements that the answer sets, without the endings ConsFlg, ConsTime, AvailableTime."""
    since: date
    mark: Mark
    source: str


@dataclass(frozen=True)
class _Rule:
    consent: Consent
    facilities: frozenset[FacilityKind]


def consents_for(facility: Facility, day: date) -> tuple[Consent, ...]:
    """The consents to ask for, by number; empty before any rule holds."""
    holding: dict[int, Consent] = {}
    for rule in _rules():
        if rule.consent.since <= day and facility.kind in rule.facilities:
            holding[rule.consent.number] = rule.consent
    return tuple(holding[number] for number in sorted(holding))


@cache
def _rules() -> tuple[_Rule, ...]:
    """All rules, oldest first."""
    return tuple(sorted(map(_rule, read_table("rule")), key=lambda rule: rule.consent.since))


def _rule(row: dict[str, Any]) -> _Rule:
    consent = Consent(
        row["number"],
        row["key"],
        row.get("years"),
        tuple(row["elements"]),
        row["since"],
        Mark(row["mark"]),
        row["source"],
    )
    return _Rule(consent, frozenset(FacilityKind[name.upper()] for name in row["facilities"]))
