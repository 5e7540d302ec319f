"""The months around the end of a card's certificate."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from firmware.policy import JST, Mark, Phase, certificate_phase, certificate_rule

ENDS = datetime(2026, 11, 30, 23, 59, 59, tzinfo=JST)
FIRST_DAY = date(2024, 12, 1)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def phase_on(day: date, ends: datetime = ENDS) -> Phase:
    """At noon in Japan."""
    return certificate_phase(seconds(ends), seconds(datetime.combine(day, time(12), JST)))


def test_a_certificate_is_ending_for_three_months_and_ended_for_three() -> None:
    assert phase_on(date(2026, 8, 29)) is Phase.RUNNING
    assert phase_on(date(2026, 8, 30)) is Phase.ENDING
    assert phase_on(date(2026, 11, 30)) is Phase.ENDING
    assert phase_on(date(2026, 12, 1)) is Phase.ENDED
    assert phase_on(date(2027, 2, 28)) is Phase.ENDED
    assert phase_on(date(2027, 3, 1)) is Phase.OVER


def test_it_ends_to_the_second() -> None:
    assert certificate_phase(seconds(ENDS), seconds(ENDS)) is Phase.ENDING
    assert certificate_phase(seconds(ENDS), seconds(ENDS) + 1) is Phase.ENDED


def test_the_days_are_those_of_japan() -> None:
    midnight = datetime(2026, 8, 30, tzinfo=JST)
    assert certificate_phase(seconds(ENDS), seconds(midnight) - 1) is Phase.RUNNING
    assert certificate_phase(seconds(ENDS), seconds(midnight)) is Phase.ENDING


@pytest.mark.parametrize(
    ("ends", "told_from", "usable_to"),
    [
        (date(2026, 5, 31), date(2026, 2, 28), date(2026, 8, 31)),
        (date(2027, 11, 30), date(2027, 8, 30), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2026, 9, 30), date(2027, 3, 31)),
        (date(2027, 1, 15), date(2026, 10, 15), date(2027, 4, 15)),
    ],
)
def test_months_are_those_of_the_calendar(ends: date, told_from: date, usable_to: date) -> None:
    end = datetime.combine(ends, time(23, 59, 59), JST)
    day = timedelta(days=1)
    assert [phase_on(told_from - day, end), phase_on(told_from, end)] == [Phase.RUNNING, Phase.ENDING]
    assert [phase_on(usable_to, end), phase_on(usable_to + day, end)] == [Phase.ENDED, Phase.OVER]


def test_before_the_rule_a_certificate_runs_and_then_is_over() -> None:
    ends = datetime(2024, 6, 30, 23, 59, 59, tzinfo=JST)
    assert [phase_on(date(2024, 6, 30), ends), phase_on(date(2024, 7, 1), ends)] == [Phase.RUNNING, Phase.OVER]
    assert certificate_rule(FIRST_DAY - timedelta(days=1)) is None


def test_a_certificate_without_an_end_runs() -> None:
    assert phase_on(date(2026, 11, 25), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) is Phase.RUNNING


def test_the_rule_keeps_its_mark_and_source() -> None:
    rule = certificate_rule(FIRST_DAY)
    assert rule is not None and rule.mark is Mark.CERTAIN and rule.source
