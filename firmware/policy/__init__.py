"""Rules that change by date, as data with their sources."""

from firmware.policy.rules import Consent, Facility, FacilityKind, Mark, consents_for

__all__ = ["Consent", "Facility", "FacilityKind", "Mark", "consents_for"]
