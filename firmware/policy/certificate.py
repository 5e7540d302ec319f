"""What the end of a card's authentication certificate means on a given day, read from `rules.toml`."""

import calendar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from firmware.policy.days import japanese_day
from firmware.policy.table import Mark, read_table

_NO_END = 253_370_764_800
"""1 January 9999: certificates without an end say the last second of that year (RFC 5280 section 4.1.2.5)."""


class Phase(StrEnum):
    """Where a day lies in the life of a certificate."""

    RUNNING = "running"
    ENDING = "ending"
    """It ends within months: the patient is told to renew it."""
    ENDED = "ended"
    """It has ended, and still says who the patient is: the insurance can be confirmed, no record be shared."""
    OVER = "over"
    """It is of no use any more."""


@dataclass(frozen=True)
class CertificateRule:
    """How long before and after its end a certificate is a case of its own."""

    months_before: int
    months_after: int
    since: date
    mark: Mark
    source: str


def certificate_rule(day: date) -> CertificateRule | None:
    """The rule that holds on a day; None before there was one."""
    return max((rule for rule in _rules() if rule.since <= day), key=lambda rule: rule.since, default=None)


def certificate_phase(ends_at: int, now: int) -> Phase:
    """The phase at `now` of a certificate that holds up to `ends_at`, both in seconds since 1970.

    The end is a moment; the months around it are calendar months, counted in days as Japan has them: a certificate
    that ends on 31 May is ending from 28 February on, and of use up to and including 31 August.
    """
    today, last_day = japanese_day(now), japanese_day(min(ends_at, _NO_END))
    rule = certificate_rule(today)
    if now <= ends_at:
        near = rule is not None and today >= _months_later(last_day, -rule.months_before)
        return Phase.ENDING if near else Phase.RUNNING
    usable = rule is not None and today <= _months_later(last_day, rule.months_after)
    return Phase.ENDED if usable else Phase.OVER


def _months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@cache
def _rules() -> tuple[CertificateRule, ...]:
    return tuple(
        CertificateRule(row["months_before"], row["months_after"], row["since"], Mark(row["mark"]), row["source"])
        for row in read_table("certificate")
    )
