"""Rules that change by date, as data with their sources."""

from firmware.policy.days import JST, japanese_day
from firmware.policy.rules import Consent, Facility, FacilityKind, Mark, consents_for

__all__ = ["JST", "Consent", "Facility", "FacilityKind", "Mark", "consents_for", "japanese_day"]
