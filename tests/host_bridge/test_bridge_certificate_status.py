"""What is said of a patient's certificate, by its dates and by who can be asked, and what a token of it comes to."""

import pytest
from bridge_rig import Bridge, System, valid
from visit_samples import NOW, Authority, Card, Reader, World

from firmware.wire.messages import MAX_CERTIFICATE
from host_bridge.eligibility import CertificateStatus

DAY = 86400


def test_a_certificate_that_has_ended_confirms_the_insurance_for_three_months(bridge: Bridge, world: World) -> None:
    ended = Card(world.authority, until=NOW - DAY)
    assert bridge.deliver(bridge.visit(card=ended, consents={1: True})) == "consent_not_allowed"
    assert bridge.deliver(bridge.visit(card=ended, consents={1: False})) is None
    assert bridge.deliver(bridge.visit(card=ended, consents={}, cti=b"visit 0000000002", counter=2)) is None
    assert [event["certificate"] for event in bridge.events("token_stored")] == ["ended", "ended"]
    bridge.now += 100 * DAY
    late = Reader(world.facility, until=NOW + 200 * DAY)
    delivery = bridge.visit(card=ended, reader=late, consents={}, cti=b"visit 0000000003", counter=3)
    assert bridge.deliver(delivery, late) == "certificate_expired"


def test_a_visit_that_waited_for_its_cable_counts_by_the_day_it_began(bridge: Bridge, world: World) -> None:
    bridge.kill(System(valid()))
    card = Card(world.authority, until=NOW + 60)
    delivery = bridge.visit(card=card, consents={1: True})
    bridge.now += 3600
    assert bridge.desk.certificate_status(card.certificate) is CertificateStatus.ENDED
    assert bridge.deliver(delivery) is None
    assert bridge.events("token_stored")[0]["certificate"] == "ending"


def test_a_clock_that_is_behind_sends_no_patient_away_and_is_told(bridge: Bridge, world: World) -> None:
    new = Card(world.authority, since=NOW + DAY)
    assert bridge.desk.certificate_status(new.certificate) is CertificateStatus.UNKNOWN
    assert len(bridge.events("clock_behind")) == 1
    assert bridge.deliver(bridge.visit(card=new)) is None
    assert bridge.events("token_stored")[0]["certificate"] == "unknown"


@pytest.mark.parametrize(
    ("days_left", "revocation", "counts"),
    [
        (900, CertificateStatus.GOOD, CertificateStatus.GOOD),
        (30, CertificateStatus.GOOD, CertificateStatus.ENDING),
        (30, CertificateStatus.UNKNOWN, CertificateStatus.UNKNOWN),
        (-1, CertificateStatus.UNKNOWN, CertificateStatus.ENDED),
        (-100, CertificateStatus.UNKNOWN, CertificateStatus.EXPIRED),
        (-100, CertificateStatus.REVOKED, CertificateStatus.REVOKED),
        (-1, CertificateStatus.REVOKED, CertificateStatus.REVOKED),
    ],
)
def test_of_two_things_known_of_a_certificate_the_graver_counts(
    bridge: Bridge, world: World, days_left: int, revocation: CertificateStatus, counts: CertificateStatus
) -> None:
    bridge.kill(System(valid(), revocation))
    card = Card(world.authority, until=NOW + days_left * DAY)
    assert bridge.desk.certificate_status(card.certificate) is counts


def test_a_certificate_of_a_stranger_or_none_at_all_is_uncertain(bridge: Bridge) -> None:
    for certificate in (Card(Authority()).certificate, b"no certificate", bytes(5000)):
        assert bridge.desk.certificate_status(certificate) is CertificateStatus.UNKNOWN


def test_a_revocation_that_nobody_can_be_asked_about_is_uncertain_and_the_visit_goes_on(
    bridge: Bridge, world: World
) -> None:
    bridge.kill(System(valid(), None))
    assert bridge.desk.certificate_status(world.card.certificate) is CertificateStatus.UNKNOWN
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.events("token_stored")[0]["certificate"] == "unknown"


def test_a_certificate_is_too_large_for_both_identify_and_token_or_for_neither(bridge: Bridge, world: World) -> None:
    largest = Card(world.authority, ballast=3300)
    larger = Card(world.authority, ballast=3500)
    assert 4000 < len(largest.certificate) <= MAX_CERTIFICATE < len(larger.certificate) < 4300
    bridge.revoked = frozenset({largest.x509.serial_number, larger.x509.serial_number})
    bridge.kill()
    statuses = [bridge.desk.certificate_status(card.certificate) for card in (largest, larger)]
    assert statuses == [CertificateStatus.REVOKED, CertificateStatus.UNKNOWN]
    refusals = [bridge.deliver(bridge.visit(card=card)) for card in (largest, larger)]
    assert refusals == ["certificate_revoked", "too_large"]
