import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from bridge_rig import SEALING_KEY, Bridge, Delivery
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from visit_samples import BRIDGE_ID, FACILITY_KEY, NONCE, NOW, Authority, Card, Facility, Reader, World

from firmware.token.claims import DebugStatus, Method
from firmware.token.record import new_sealing_key, seal
from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.denylist import DenylistUnusable
from host_bridge.journal import IssuedNonce
from host_bridge.verify import NONCE_LIFE_S, Trust, verify_visit

DAY = 86400


@pytest.mark.parametrize("method", Method)
def test_an_honest_visit_is_stored_and_acknowledged(bridge: Bridge, method: Method) -> None:
    delivery = bridge.visit(method=method)
    assert bridge.deliver(delivery) is None
    (errand,) = bridge.journal.errands()
    assert errand.token == delivery.token
    (stored,) = bridge.events("token_stored")
    assert stored["cti"] == delivery.cti.hex()
    assert stored["method"] == method.value
    assert stored["certificate"] == "good"


def test_the_same_token_again_is_accepted_again_and_stored_once(bridge: Bridge) -> None:
    delivery = bridge.visit()
    assert bridge.deliver(delivery) is None
    bridge.kill()
    bridge.now += 40 * DAY  # long after nonce and certificates ran out
    assert bridge.deliver(delivery) is None
    assert len(bridge.journal.errands()) == 1
    assert len(bridge.events("token_stored")) == 1
    assert len(bridge.events("token_repeated")) == 1


def test_the_same_token_from_many_threads_is_stored_once(bridge: Bridge) -> None:
    start = Barrier(8)

    def deliver(delivery: Delivery) -> str | None:
        start.wait()
        return bridge.deliver(delivery)

    with ThreadPoolExecutor(8) as pool:
        for counter in range(1, 9):
            delivery = bridge.visit(cti=b"visit %010d" % counter, counter=counter)
            assert list(pool.map(deliver, [delivery] * 8)) == [None] * 8
            assert len(bridge.journal.errands()) == counter


Lie = Callable[[Bridge], tuple[Any, Reader | None]]


def lies(world: World) -> Iterator[tuple[str, Lie]]:
    """A reason, and a delivery that earns it."""
    stranger = Card(Authority(b"SOMEBODY ELSE 01"))
    expired = Card(world.authority, until=NOW - 100 * DAY)
    ended = Card(world.authority, until=NOW - DAY)
    impostor = Card(Authority())
    sibling = Card(world.authority)
    other = Reader(world.facility, "TEST-0002")
    foreign = Reader(Facility())
    terminal = Reader(world.facility, role=ExtendedKeyUsageOID.CLIENT_AUTH)
    late = Reader(world.facility, until=NOW - DAY)
    renamed = Reader(world.facility, "TEST-0001")
    renamed.device_id = "TEST-0003"
    face = world.card.face_evidence(bytes(32))

    yield "nonce_unknown", lambda bridge: (bridge.visit(nonce=bytes(32)), None)
    yield "nonce_unknown", lambda bridge: (bridge.visit(nonce=bridge.desk.open_visit("TEST-0002")), None)
    yield "device_certificate_untrusted", lambda bridge: (bridge.visit(reader=foreign), foreign)
    yield "device_certificate_untrusted", lambda bridge: (bridge.visit(reader=terminal), terminal)
    yield "device_certificate_expired", lambda bridge: (bridge.visit(reader=late), late)
    yield (
        "device_certificate_not_named",
        lambda bridge: (
            bridge.visit(reader=other, nonce=bridge.desk.open_visit("TEST-0001")),
            None,
        ),
    )
    yield (
        "device_mismatch",
        lambda bridge: (
            bridge.visit(reader=renamed, nonce=bridge.desk.open_visit("TEST-0001")),
            renamed,
        ),
    )
    yield "not_a_demo_device", lambda bridge: (bridge.visit(debug=DebugStatus.DISABLED), None)
    yield "evidence_not_named", lambda bridge: (replace(bridge.visit(), evidence=b"\x80"), None)
    yield "method_mismatch", lambda bridge: (bridge.visit(method=Method.PIN, proof=face), None)
    yield "certificate_untrusted", lambda bridge: (bridge.visit(card=stranger), None)
    yield "certificate_mac", lambda bridge: (bridge.visit(facility_key=bytes(32)), None)
    yield "certificate_expired", lambda bridge: (bridge.visit(card=expired), None)
    yield "consent_not_allowed", lambda bridge: (bridge.visit(card=ended), None)
    yield "pin_signature", lambda bridge: (bridge.visit(proof=world.card.pin_evidence(bytes(32))), None)
    yield "card_cloned", lambda bridge: (bridge.visit(method=Method.FACE, proof=face), None)
    yield (
        "photo_changed",
        lambda bridge: (
            bridge.visit(method=Method.FACE, proof=replace(face, photo_hash=bytes(32))),
            None,
        ),
    )
    yield (
        "photo_signature_swapped",
        lambda bridge: (
            bridge.visit(
                method=Method.FACE,
                proof=replace(face, photo_signature=sibling.photo_signature),
            ),
            None,
        ),
    )
    yield (
        "issuer_forged",
        lambda bridge: (
            bridge.visit(
                method=Method.FACE, proof=replace(impostor.face_evidence(bytes(32)), certificate=world.card.certificate)
            ),
            None,
        ),
    )
    yield (
        "issuer_unknown",
        lambda bridge: (
            bridge.visit(
                method=Method.FACE, proof=replace(stranger.face_evidence(bytes(32)), certificate=world.card.certificate)
            ),
            None,
        ),
    )


def test_every_lie_gets_its_own_refusal_and_leaves_nothing(bridge: Bridge, world: World) -> None:
    for reason, lie in lies(world):
        delivery, reader = lie(bridge)
        assert bridge.deliver(delivery, reader) == reason
    assert bridge.journal.errands() == ()
    assert not bridge.events("token_stored")
    assert bridge.deliver(bridge.visit()) is None


def test_a_refused_token_does_not_use_up_its_nonce(bridge: Bridge, world: World) -> None:
    nonce = bridge.desk.open_visit(world.reader.device_id)
    lie = bridge.visit(nonce=nonce, proof=world.card.pin_evidence(bytes(32)))
    assert bridge.deliver(lie) == "pin_signature"
    assert bridge.deliver(bridge.visit(nonce=nonce)) is None


def test_the_nonce_of_another_reader_is_refused_before_the_journal_is_asked(bridge: Bridge, world: World) -> None:
    delivery = bridge.visit(nonce=NONCE)
    issued = IssuedNonce(NONCE, "TEST-0002", NOW, False)
    trust = Trust(BRIDGE_ID, world.facility.ca, world.authority.anchors(), FACILITY_KEY, True, bridge.denylist)
    with pytest.raises(TokenRefused) as refused:
        verify_visit(world.reader.chain, delivery.token, delivery.evidence, issued, trust, NOW)
    assert refused.value.refusal is Refusal.NONCE_UNKNOWN


def test_bytes_that_are_no_token_are_refused_without_a_name(bridge: Bridge, world: World) -> None:
    receipt = bridge.desk.accept(world.reader.chain, seal(SEALING_KEY, BRIDGE_ID, b"\xd2garbage", b""))
    assert (receipt.cti, receipt.accepted, receipt.refusal) == (bytes(16), False, "malformed")
    assert bridge.desk.accept([], bridge.visit().sealed).refusal == "device_certificate_malformed"


def test_a_record_that_was_changed_or_sealed_to_another_bridge_is_refused(bridge: Bridge, world: World) -> None:
    delivery = bridge.visit()
    changed = delivery.sealed[:-1] + bytes([delivery.sealed[-1] ^ 1])
    elsewhere = seal(new_sealing_key()[1], BRIDGE_ID, delivery.token, delivery.evidence)
    renamed = seal(SEALING_KEY, bytes(16), delivery.token, delivery.evidence)
    for sealed in (changed, elsewhere, renamed, delivery.token, b""):
        receipt = bridge.desk.accept(world.reader.chain, sealed)
        assert (receipt.cti, receipt.refusal) == (bytes(16), "record_unreadable")
    assert bridge.deliver(delivery) is None


def test_a_denied_reader_is_refused_at_once_and_a_list_that_is_gone_decides_nothing(
    bridge: Bridge, world: World
) -> None:
    stored, later = bridge.visit(), bridge.visit(cti=b"visit 0000000002", counter=2)
    assert bridge.deliver(stored) is None
    listed = bridge.denylist.file.read_bytes()
    bridge.denylist.file.unlink()
    with pytest.raises(DenylistUnusable, match=r"denied\.pem: .*No such file"):
        bridge.deliver(later)
    bridge.denylist.file.write_bytes(listed)
    bridge.deny(world.reader.device_id)
    assert bridge.deliver(later) == "device_revoked"
    assert bridge.deliver(stored) is None  # it is on the disk, and stays so


def test_a_nonce_serves_one_token(bridge: Bridge, world: World) -> None:
    nonce = bridge.desk.open_visit(world.reader.device_id)
    assert bridge.deliver(bridge.visit(nonce=nonce)) is None
    second = bridge.visit(nonce=nonce, cti=b"visit 0000000002", counter=2)
    assert bridge.deliver(second) == "nonce_used"


def test_a_nonce_does_not_live_longer_than_a_day(bridge: Bridge) -> None:
    delivery = bridge.visit()
    bridge.now += NONCE_LIFE_S + 1
    assert bridge.deliver(delivery) == "nonce_expired"


def test_token_id_and_counter_are_never_taken_twice(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.deliver(bridge.visit(counter=2)) == "cti_reused"
    assert bridge.deliver(bridge.visit(cti=b"visit 0000000002", counter=1)) == "counter_reused"
    assert bridge.deliver(bridge.visit(cti=b"visit 0000000002", counter=2)) is None


def test_a_revoked_certificate_is_refused_and_an_unknown_one_noted(bridge: Bridge, world: World) -> None:
    newcomer = Card(world.authority)
    assert bridge.deliver(bridge.visit(card=newcomer)) is None
    assert bridge.events("token_stored")[0]["certificate"] == "unknown"
    bridge.revoked = frozenset({world.card.x509.serial_number})
    bridge.kill()
    assert bridge.deliver(bridge.visit(cti=b"visit 0000000002", counter=2)) == "certificate_revoked"


def test_a_production_bridge_takes_no_demo_reader(tmp_path: Path, world: World) -> None:
    bridge = Bridge(tmp_path, world, demo=False)
    assert bridge.deliver(bridge.visit(debug=DebugStatus.ENABLED)) == "demo_device"
    assert bridge.deliver(bridge.visit(debug=DebugStatus.DISABLED_SINCE_BOOT)) is None
    bridge.journal.close()


def test_a_counter_that_skips_or_goes_back_is_stored_and_told(bridge: Bridge, world: World) -> None:
    for number, counter in enumerate((4, 5, 8, 6), 1):
        assert bridge.deliver(bridge.visit(cti=b"visit %010d" % number, counter=counter)) is None
    assert [(event["last"], event["counter"]) for event in bridge.events("counter_gap")] == [(5, 8), (8, 6)]


def test_a_reader_s_count_goes_on_after_a_renewal_and_anew_after_pairing(bridge: Bridge, world: World) -> None:
    renewed, paired, gapped = (Reader(world.facility) for _ in range(3))
    assert bridge.deliver(bridge.visit()) is None
    for number, (reader, counter) in enumerate(((renewed, 2), (paired, 1), (gapped, 3)), 2):
        delivery = bridge.visit(reader=reader, cti=b"visit %010d" % number, counter=counter)
        assert bridge.deliver(delivery, reader) is None
    assert [(event["last"], event["counter"]) for event in bridge.events("counter_gap")] == [(1, 3)]


def test_reception_called_is_an_event(bridge: Bridge) -> None:
    bridge.desk.reception_called("TEST-0001")
    assert bridge.events("reception_called")[0]["device"] == "TEST-0001"


def test_journal_and_log_hold_nothing_of_the_patient(bridge: Bridge, world: World, tmp_path: Path) -> None:
    assert bridge.deliver(bridge.visit(method=Method.FACE)) is None
    kept = [file.read_bytes() for file in tmp_path.glob("journal.db*")] + [bridge.log.getvalue().encode()]
    serial = world.card.x509.serial_number
    key = world.card.x509.fingerprint(SHA256())
    for secret in (
        "花子".encode(),
        "花子".encode("cp932"),
        json.dumps("花子")[1:-1].encode(),  # as the log would escape it
        b"19800217",
        serial.to_bytes(20, "big").lstrip(b"\0"),
        f"{serial:x}".encode(),
        key,
        key.hex().encode(),
        world.card.certificate[-64:],
        world.card.photo_hash,
        world.card.photo_signature,
    ):
        assert not any(secret in content for content in kept)
