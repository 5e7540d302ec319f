"""Tokens that are not what they say: each is refused for its own reason, and the honest one beside it is accepted."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attack_rig import DAY, DER, PEM, Scene, load_key
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from firmware.token.claims import Claims, DebugStatus
from firmware.token.refusal import Refusal
from host_bridge.denylist import DenylistUnusable
from host_bridge.identity import create_bridge

HONEST = None


def test_a_token_comes_again_and_is_stored_once(scene: Scene) -> None:
    visit = scene.visit()
    assert [scene.deliver(visit), scene.deliver(visit)] == [HONEST, HONEST]
    assert scene.stored() == {visit.cti}
    assert len(scene.heard("token_stored")) == len(scene.heard("token_repeated")) == 1


def test_a_token_replayed_by_another_reader_is_refused(scene: Scene) -> None:
    other = scene.pair("READER-0002")
    visit = scene.visit()
    assert scene.deliver(visit) is HONEST
    assert scene.deliver(visit, other) == Refusal.NONCE_UNKNOWN
    assert scene.deliver(scene.visit(other), other) is HONEST


def test_a_token_replayed_under_the_readers_next_identity_is_refused(scene: Scene) -> None:
    visit = scene.visit()
    assert scene.deliver(visit) is HONEST
    again = scene.pair(scene.reader.device_id)
    assert scene.deliver(visit, again) == Refusal.NONCE_USED
    assert scene.deliver(scene.visit(again), again) is HONEST


def test_an_undelivered_token_of_an_earlier_identity_is_refused_under_the_next(scene: Scene) -> None:
    visit = scene.visit()
    again = scene.pair(scene.reader.device_id)
    assert scene.deliver(visit, again) == Refusal.DEVICE_CERTIFICATE_NOT_NAMED
    assert scene.deliver(scene.visit(again), again) is HONEST


def test_a_token_that_names_another_bridge_is_refused(scene: Scene) -> None:
    elsewhere = create_bridge(scene.folder / "elsewhere").bridge_id
    nonce = scene.desk.open_visit(scene.reader.device_id)
    assert scene.deliver(scene.visit(nonce=nonce, bridge_id=elsewhere)) == Refusal.SIGNATURE
    assert scene.deliver(scene.visit(nonce=nonce)) is HONEST


def test_a_nonce_that_nobody_issued_is_refused(scene: Scene) -> None:
    assert scene.deliver(scene.visit(nonce=os.urandom(32))) == Refusal.NONCE_UNKNOWN
    assert scene.deliver(scene.visit()) is HONEST


def test_a_nonce_that_was_issued_to_another_reader_is_refused(scene: Scene) -> None:
    other = scene.pair("READER-0002")
    nonce = scene.desk.open_visit(other.device_id)
    assert scene.deliver(scene.visit(nonce=nonce)) == Refusal.NONCE_UNKNOWN
    assert scene.deliver(scene.visit(other, nonce=nonce), other) is HONEST


def test_a_second_token_over_a_used_nonce_is_refused(scene: Scene) -> None:
    visit = scene.visit()
    assert scene.deliver(visit) is HONEST
    assert scene.deliver(scene.visit(nonce=visit.nonce)) == Refusal.NONCE_USED
    assert scene.stored() == {visit.cti}


@pytest.mark.parametrize(("late", "outcome"), [(1, Refusal.NONCE_EXPIRED), (0, HONEST)])
def test_a_nonce_lasts_a_day_by_the_bridges_own_clock(scene: Scene, late: int, outcome: str | None) -> None:
    """Whatever time the reader puts into its token."""
    visit = scene.visit(said=lambda claims: replace(claims, issued_at=int(scene.now) + DAY))
    scene.now = int(scene.now) + DAY + late
    assert scene.deliver(visit) == outcome


def test_a_token_under_an_identity_that_has_ended_is_refused(scene: Scene) -> None:
    """29 days into its 30 it is taken, after them not."""
    for days, outcome in ((29, HONEST), (31, Refusal.DEVICE_CERTIFICATE_EXPIRED)):
        scene.now = datetime.now(UTC).timestamp() + days * DAY
        assert scene.deliver(scene.visit()) == outcome


def test_a_token_of_a_denied_reader_is_refused_though_its_identity_lasts(scene: Scene) -> None:
    before, after, other = scene.visit(), scene.visit(), scene.pair("READER-0002")
    assert scene.deliver(before) is HONEST
    scene.identity.devices.deny(scene.reader.device_id, datetime.now(UTC))
    assert scene.deliver(after) == Refusal.DEVICE_REVOKED
    assert scene.deliver(scene.visit(other), other) is HONEST


def test_a_token_under_a_certificate_of_another_facility_is_refused(scene: Scene) -> None:
    foreign = scene.pair("READER-0001", identity=create_bridge(scene.folder / "elsewhere"))
    nonce = scene.desk.open_visit("READER-0001")
    assert scene.deliver(scene.visit(foreign, nonce=nonce), foreign) == Refusal.DEVICE_CERTIFICATE_UNTRUSTED
    assert scene.deliver(scene.visit(nonce=nonce)) is HONEST


def test_a_token_signed_with_the_makers_key_is_refused(scene: Scene) -> None:
    """A genuine reader that is not paired has nothing else."""
    idevid = scene.reader.keys.maker_chain()[0]
    visit = scene.visit()
    assert scene.desk.accept([idevid], scene.sealed(visit)).refusal == Refusal.DEVICE_CERTIFICATE_UNTRUSTED
    assert scene.deliver(visit) is HONEST


def test_a_token_signed_as_a_terminal_is_refused(scene: Scene) -> None:
    """The bridge's own certificate comes from the right authority, for the other role."""
    pem = (scene.identity.folder / "bridge.pem").read_bytes()
    terminal = x509.load_pem_x509_certificate(pem).public_bytes(DER)
    visit = scene.visit()
    assert scene.desk.accept([terminal], scene.sealed(visit)).refusal == Refusal.DEVICE_CERTIFICATE_UNTRUSTED
    assert scene.deliver(visit) is HONEST


def test_a_token_in_another_devices_name_is_refused(scene: Scene) -> None:
    named = replace_device("READER-0009")
    nonce = scene.desk.open_visit(scene.reader.device_id)
    assert scene.deliver(scene.visit(nonce=nonce, said=named)) == Refusal.DEVICE_MISMATCH
    assert scene.deliver(scene.visit(nonce=nonce)) is HONEST


def replace_device(device_id: str) -> Callable[[Claims], Claims]:
    return lambda claims: replace(claims, device_id=device_id)


def test_a_number_used_twice_is_refused(scene: Scene) -> None:
    first, second = scene.visit(), scene.visit(said=lambda claims: replace(claims, counter=1))
    assert scene.deliver(first) is HONEST
    assert scene.deliver(second) == Refusal.COUNTER_REUSED
    assert scene.deliver(scene.visit()) is HONEST


def test_a_number_left_out_is_stored_and_told(scene: Scene) -> None:
    assert scene.deliver(scene.visit()) is HONEST
    scene.reader.counted += 1
    assert scene.deliver(scene.visit()) is HONEST
    (gap,) = scene.heard("counter_gap")
    assert (gap["last"], gap["counter"]) == (1, 3)


def test_a_token_id_used_again_for_another_visit_is_refused(scene: Scene) -> None:
    first = scene.visit()
    assert scene.deliver(first) is HONEST
    assert scene.deliver(scene.visit(cti=first.cti, consents={1: False})) == Refusal.CTI_REUSED
    assert scene.stored() == {first.cti}


def test_a_production_reader_is_refused_by_a_demo_bridge_and_a_demo_reader_by_any_other(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for demo, wrong, reason in (
        (True, DebugStatus.DISABLED, Refusal.NOT_A_DEMO_DEVICE),
        (False, DebugStatus.ENABLED, Refusal.DEMO_DEVICE),
    ):
        scene = Scene(tmp_path_factory.mktemp("scene"), demo=demo)
        nonce = scene.desk.open_visit(scene.reader.device_id)
        lie = scene.visit(nonce=nonce, said=lambda claims, wrong=wrong: replace(claims, debug=wrong))
        assert scene.deliver(lie) == reason
        assert scene.deliver(scene.visit(nonce=nonce)) is HONEST
        scene.journal.close()


def test_without_a_denylist_no_token_is_decided(scene: Scene) -> None:
    visit, file = scene.visit(), scene.identity.denylist.file
    genuine = file.read_bytes()
    file.unlink()
    with pytest.raises(DenylistUnusable):
        scene.deliver(visit)
    file.write_bytes(genuine)
    assert scene.deliver(visit) is HONEST


def test_under_a_denylist_of_another_authority_no_token_is_decided(scene: Scene) -> None:
    """Neither one of another facility, nor one in the right name with another key."""
    visit, denylist = scene.visit(), scene.identity.denylist
    genuine = denylist.file.read_bytes()
    elsewhere = create_bridge(scene.folder / "elsewhere")
    for forged in ((elsewhere.folder / "denied.pem").read_bytes(), in_the_name_of(scene, elsewhere.folder / "ca.key")):
        denylist.file.write_bytes(forged)
        with pytest.raises(DenylistUnusable):
            scene.deliver(visit)
    denylist.file.write_bytes(genuine)
    assert scene.deliver(visit) is HONEST


def in_the_name_of(scene: Scene, key: Path) -> bytes:
    """An empty list that names this facility's authority."""
    now = datetime.now(UTC)
    forged = x509.CertificateRevocationListBuilder().issuer_name(scene.identity.denylist.authority.subject)
    forged = forged.last_update(now).next_update(now + timedelta(days=9))
    return forged.sign(load_key(key), SHA256()).public_bytes(PEM)
