"""Rules that change by date, as data with their sources."""

from firmware.policy.certificate import CertificateRule, Phase, certificate_phase, certificate_rule
from firmware.policy.days import JST, japanese_day
from firmware.policy.rules import Consent, Facility, FacilityKind, consents_for
from firmware.policy.table import Mark

__all__ = [
    "JST",
    "CertificateRule",
    "Consent",
    "Facility",
    "FacilityKind",
    "Mark",
    "Phase",
    "certificate_phase",
    "certificate_rule",
    "consents_for",
    "japanese_day",
]
