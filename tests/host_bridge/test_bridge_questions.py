"""What the desk answers beside the token itself: settings, standing, prescriptions, the staff's passcode."""

from typing import Final

import pytest
from bridge_rig import SEALING_KEY, Bridge, System, valid
from visit_samples import BRIDGE_ID, FACILITY_KEY, NOW, Authority, Card, World

from firmware.policy import FacilityKind
from firmware.wire.messages import MAX_PRESCRIPTIONS
from host_bridge.desk import NoPasscode, Settings, Standing
from host_bridge.eligibility import EligibilityUnavailable, Prescription, QualificationValidity
from host_bridge.passcode import LOCKED_S, TRIES, Checked, Verdict

DAY: Final = 86400
PRESCRIPTION = Prescription("E-0001", "20260901", "見本内科クリニック")


def test_settings_say_what_a_reader_needs(bridge: Bridge) -> None:
    assert bridge.desk.settings() == Settings(
        bridge_id=BRIDGE_ID,
        facility_key=FACILITY_KEY,
        sealing_key=SEALING_KEY,
        facility_kind=FacilityKind.MEDICAL,
        demo=True,
        disaster=False,
        prescriptions=True,
        staff_check=False,
        now=NOW,
    )


def test_disaster_and_staff_check_follow_the_eligibility_system_and_hold_while_it_is_silent(bridge: Bridge) -> None:
    system = System(valid(), in_disaster=True, code="4649")
    bridge.kill(system)
    assert (bridge.desk.settings().disaster, bridge.desk.settings().staff_check) == (True, True)
    system.in_disaster = None
    assert (bridge.desk.settings().disaster, bridge.desk.settings().staff_check) == (True, True)
    system.in_disaster, system.code = False, None
    assert (bridge.desk.settings().disaster, bridge.desk.settings().staff_check) == (False, False)


def test_who_is_registered_may_be_asked_for_consents_and_where_there_are_some_for_a_prescription(
    bridge: Bridge, world: World
) -> None:
    system = System(valid())
    bridge.kill(system)
    assert bridge.desk.identify(world.card.certificate) == Standing(True, QualificationValidity.VALID, True, False)
    system.issued = (PRESCRIPTION,)
    assert bridge.desk.identify(world.card.certificate) == Standing(True, QualificationValidity.VALID, True, True)
    assert bridge.events("patient_identified")[-1].keys() == {"event", "at", "registered", "validity"}


def test_after_the_certificate_s_end_only_the_insurance_is_confirmed(bridge: Bridge, world: World) -> None:
    bridge.kill(System(valid(), issued=(PRESCRIPTION,)))
    ended = Card(world.authority, until=NOW - DAY)
    assert bridge.desk.identify(ended.certificate) == Standing(True, QualificationValidity.VALID, False, False)


def test_a_card_that_nobody_knows_has_no_qualification(bridge: Bridge) -> None:
    for certificate in (Card(Authority()).certificate, b"no certificate"):
        assert bridge.desk.identify(certificate) == Standing(False, QualificationValidity.NONE, True, False)


def test_while_eligibility_cannot_be_asked_nobody_is_identified(bridge: Bridge, world: World) -> None:
    bridge.kill(System(None))
    with pytest.raises(EligibilityUnavailable):
        bridge.desk.identify(world.card.certificate)


def test_a_facility_without_prescriptions_shows_none(bridge: Bridge, world: World) -> None:
    bridge.prescriptions = False
    bridge.kill(System(valid(), issued=(PRESCRIPTION,)))
    assert bridge.desk.prescriptions(bytes(32)) == ()
    assert bridge.desk.identify(world.card.certificate).prescriptions is False
    assert bridge.desk.settings().prescriptions is False


def test_of_too_many_prescriptions_the_newest_are_shown_newest_first(bridge: Bridge) -> None:
    days = [f"202609{day:02d}" for day in range(1, MAX_PRESCRIPTIONS + 4)]
    bridge.kill(System(valid(), issued=tuple(Prescription(day, day, "見本") for day in days)))
    shown = [one.day for one in bridge.desk.prescriptions(bytes(32))]
    assert shown == list(reversed(days))[:MAX_PRESCRIPTIONS]


def test_five_wrong_passcodes_lock_it_for_five_minutes_whatever_the_clock_says(bridge: Bridge) -> None:
    bridge.kill(System(valid(), code="4649"))

    def check(typed: str) -> Checked:
        return bridge.desk.check_passcode("TEST-0001", typed)

    wrong = [check(typed) for typed in ("1234", "", "46490", "４６４９")]
    assert wrong == [Checked(Verdict.WRONG, left) for left in (4, 3, 2, 1)]
    assert check("0000") == Checked(Verdict.LOCKED, 0)
    assert check("4649") == Checked(Verdict.LOCKED, 0)
    bridge.now += 10 * LOCKED_S
    bridge.monotonic += LOCKED_S - 1
    assert check("4649") == Checked(Verdict.LOCKED, 0)
    bridge.monotonic += 1
    assert check("0000") == Checked(Verdict.WRONG, TRIES - 1)
    assert check("4649") == Checked(Verdict.RIGHT, TRIES)
    assert [event["verdict"] for event in bridge.events("passcode_checked")][-3:] == ["locked", "wrong", "right"]


def test_a_right_passcode_forgives_the_wrong_ones_before_it(bridge: Bridge) -> None:
    bridge.kill(System(valid(), code="4649"))
    for _ in range(3):
        for _ in range(TRIES - 1):
            assert bridge.desk.check_passcode("TEST-0001", "1111").verdict is Verdict.WRONG
        assert bridge.desk.check_passcode("TEST-0001", "4649").verdict is Verdict.RIGHT


def test_where_no_passcode_is_set_none_is_right(bridge: Bridge) -> None:
    with pytest.raises(NoPasscode):
        bridge.desk.check_passcode("TEST-0001", "")
