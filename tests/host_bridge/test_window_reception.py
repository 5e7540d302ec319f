"""What the reception is told, from the event log and the courier, without a browser."""

import pytest
from bridge_rig import PERSON, Bridge, System
from visit_samples import NOW, Card, World
from window_rig import log, rows, snapshot, watching

from firmware.token.claims import Method
from firmware.token.refusal import Refusal
from host_bridge.eligibility import CertificateStatus, Qualification, QualificationValidity
from host_bridge.news import WAITING_CAP
from host_bridge.reception import CALLS_CAP, PRESENT_S, REFUSED_CAP, VISITS_CAP
from host_bridge.refused import Ground, ground_of
from host_bridge.visits import Todo, Visit, standing_of

DAY = 24 * 3600


def test_a_visit_is_there_once_stored_and_completed_by_the_courier(bridge: Bridge) -> None:
    with watching(bridge) as subscription:
        delivery = bridge.visit(method=Method.FACE)
        assert bridge.deliver(delivery) is None
        *_, stored = (change["visit"] for change in subscription.take() if "visit" in change)
        assert (stored["id"], stored["method"], stored["reader"]) == (delivery.cti.hex(), "face", "TEST-0001")
        assert (stored["todo"], stored["standing"], stored["answers"]) == ("wait", None, None)
        bridge.now += 5
        assert bridge.courier.deliver_all()
        *_, done = (change["visit"] for change in subscription.take() if "visit" in change)
    assert done["todo"] == "receive"
    assert done["standing"]["person"] == {"name": "見本　花子", "kana": "ミホン ハナコ", "birth": "19800217"}
    assert done["standing"]["insurances"][0]["insurer_number"] == "06999999"
    assert [(answer["key"], answer["agreed"]) for answer in done["answers"]] == [
        ("treatment_medicine", True),
        ("checkups", False),
    ]
    assert (done["visited_at"], done["ends_at"], done["certificate"]) == (NOW, NOW + DAY, "good")
    (file,) = bridge.face_files()
    assert done["file"] == {"name": file.name, "written_at": NOW + 5, "taken": False}
    assert rows(bridge) == [done]


def test_a_courier_ahead_of_the_log_makes_one_row_of_it(bridge: Bridge) -> None:
    cti = "ab" * 16
    bridge.reception.agreed(Visit(cti, NOW, NOW, "TEST-0001", method="pin", answers=()))
    bridge.reception.qualified(cti, standing_of(QualificationValidity.VALID, True, [PERSON]))
    log(bridge, "token_stored", device="TEST-0001", cti=cti, method="pin", certificate="unknown", visited_at=NOW)
    (row,) = rows(bridge)
    assert (row["certificate"], row["todo"], row["standing"]["person"]["name"]) == (
        "unknown",
        "check_card",
        "見本　花子",
    )


@pytest.mark.parametrize(
    ("validity", "registered", "todo"),
    [
        (QualificationValidity.VALID, True, Todo.RECEIVE),
        (QualificationValidity.VALID, False, Todo.REGISTER),
        (QualificationValidity.INVALID, True, Todo.CHECK_INSURANCE),
        (QualificationValidity.REPLACED, True, Todo.CHECK_NEW_INSURANCE),
        (QualificationValidity.NONE, False, Todo.CHECK_INSURANCE),
        (QualificationValidity.SEVERAL, True, Todo.CHOOSE_INSURANCE),
        (QualificationValidity.VALID_UNREGISTERED, False, Todo.CHECK_ASSISTANCE),
    ],
)
def test_every_answer_of_eligibility_says_what_to_do(
    bridge: Bridge, validity: QualificationValidity, registered: bool, todo: Todo
) -> None:
    bridge.kill(System(Qualification(registered, validity, (PERSON,))))
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    (row,) = rows(bridge)
    assert (row["todo"], row["standing"]["validity"], row["standing"]["registered"]) == (todo, validity, registered)


def test_only_what_the_reception_needs_is_kept() -> None:
    result = {**PERSON, "Address": "見本県見本市", "PostNumber": "000-0000", "InsuredPartialContributionRatio": "030"}
    elderly = {**result, "ElderlyRecipientCertificateInfo": {"ElderlyRecipientContributionRatio": "010"}}
    standing = standing_of(QualificationValidity.SEVERAL, True, [result, elderly])
    assert "見本県" not in repr(standing)
    assert [insurance.ratio for insurance in standing.insurances] == ["030", "010"]


def test_while_eligibility_is_down_the_row_says_so_with_its_consents_until_it_answers(bridge: Bridge) -> None:
    system = System(status=CertificateStatus.UNKNOWN)
    bridge.kill(system)
    assert bridge.deliver(bridge.visit()) is None
    assert not bridge.courier.deliver_all()
    (row,) = rows(bridge)
    assert (row["todo"], row["inquiry"], row["certificate"]) == ("ask_for_certificate", "unavailable", "unknown")
    assert len(row["answers"]) == 2
    assert list(snapshot(bridge)["troubles"]) == ["eligibility"]
    system.answer = Qualification(True, QualificationValidity.VALID, (PERSON,))
    assert bridge.courier.deliver_all()
    assert rows(bridge)[0]["todo"] == "check_card"
    assert snapshot(bridge)["troubles"] == {}


def test_a_refused_token_is_a_row_with_its_ground(bridge: Bridge, world: World) -> None:
    assert bridge.deliver(bridge.visit(proof=world.card.pin_evidence(bytes(32)))) == "pin_signature"
    (row,) = rows(bridge)
    assert (row["refusal"], row["ground"], row["todo"]) == ("pin_signature", "card_not_genuine", "ask_for_certificate")
    assert (row["reader"], row["standing"]) == ("TEST-0001", None)


def test_every_reason_has_a_ground_and_every_ground_a_reason() -> None:
    grounds = {refusal: ground_of(refusal) for refusal in Refusal}
    assert set(grounds.values()) == set(Ground)
    assert {refusal for refusal, ground in grounds.items() if ground is Ground.DAMAGED} == {
        *list(Refusal)[: list(Refusal).index(Refusal.UNPROTECTED_HEADER) + 1],
        Refusal.CLAIM_MISSING,
        Refusal.CLAIM_UNKNOWN,
        Refusal.CLAIM_MALFORMED,
        Refusal.PROFILE_UNKNOWN,
        Refusal.EVIDENCE_NOT_NAMED,
        Refusal.METHOD_MISMATCH,
    }
    assert all(Visit("1", NOW, NOW, "", refusal=refusal).todo for refusal in Refusal)


def test_a_folder_that_is_away_says_nothing_of_any_file(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    bridge.files.face.rename(bridge.files.face.with_name("away"))
    with pytest.raises(OSError):
        bridge.reception.look()
    assert rows(bridge)[0]["file"]["taken"] is False


def test_a_visit_is_forgotten_after_its_day_though_the_folder_is_away(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    bridge.files.face.rename(bridge.files.face.with_name("away"))
    bridge.now += 24 * 3600
    bridge.reception.forget()
    assert rows(bridge) == []


def test_a_file_that_the_receipt_computer_took_is_seen_to_be_gone(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    bridge.reception.look()
    assert rows(bridge)[0]["file"]["taken"] is False
    bridge.face_files()[0].unlink()
    with watching(bridge) as subscription:
        bridge.reception.look()
        bridge.reception.look()
        (change,) = subscription.take()
    assert change["visit"]["file"]["taken"] is True
    assert change["visit"]["standing"]["person"]["name"] == "見本　花子"


def test_a_file_that_cannot_be_written_is_told_and_then_forgotten(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    bridge.files.work.rmdir()
    assert not bridge.courier.deliver_all()
    assert (rows(bridge)[0]["file_failed"], rows(bridge)[0]["file"]) == (True, None)
    assert list(snapshot(bridge)["troubles"]) == ["folder"]
    bridge.files.work.mkdir()
    assert bridge.courier.deliver_all()
    assert rows(bridge)[0]["file_failed"] is False
    assert snapshot(bridge)["troubles"] == {}


@pytest.mark.parametrize(
    ("event", "facts", "state"),
    [
        ("link_up", {}, "up"),
        ("link_down", {"reason": "port_gone"}, "unplugged"),
        ("link_down", {"reason": "port_absent"}, "unplugged"),
        ("link_down", {"reason": "port_busy"}, "busy"),
        ("link_down", {"reason": "port_denied"}, "no_permission"),
        ("link_down", {"reason": "port_foreign"}, "foreign"),
        ("link_down", {"reason": "silent"}, "silent"),
        ("link_down", {"reason": "no_answer"}, "silent"),
        ("link_down", {"reason": "foreign_device"}, "foreign"),
        ("link_down", {"reason": "unpaired"}, "new"),
        ("link_down", {"reason": "certificate: unable to get local issuer certificate"}, "unpaired"),
        ("link_down", {"reason": "tls: TLSV1_ALERT_UNKNOWN_CA"}, "unpaired"),
        ("link_down", {"reason": "certificate_not_yet_valid"}, "clock"),
        ("link_down", {"reason": "certificate_expired"}, "expired"),
        ("link_down", {"reason": "refused_by_other_end"}, "unpaired"),
        ("link_refused", {"reason": "not_paired"}, "unpaired"),
        ("link_refused", {"reason": "denied"}, "denied"),
        ("link_refused", {"reason": "denylist_unusable"}, "identity"),
    ],
)
def test_the_state_of_the_cable_has_its_beginning(
    bridge: Bridge, event: str, facts: dict[str, str], state: str
) -> None:
    assert (snapshot(bridge)["link"]["state"], snapshot(bridge)["link"]["since"]) == ("waiting", NOW)
    bridge.now += 7
    log(bridge, event, device="TEST-0001", **facts)
    link = snapshot(bridge)["link"]
    assert (link["state"], link["since"], link["reader"]) == (state, NOW + 7, "TEST-0001")


def test_somebody_is_at_the_reader_until_a_token_the_cable_or_time_says_otherwise(bridge: Bridge) -> None:
    delivery = bridge.visit()
    assert snapshot(bridge)["present"] == {"reader": "TEST-0001", "since": NOW, "certificate": None}
    assert bridge.deliver(delivery) is None
    assert snapshot(bridge)["present"] is None
    bridge.desk.open_visit("TEST-0001")
    log(bridge, "link_down", device="TEST-0001", reason="port_gone")
    assert snapshot(bridge)["present"] is None
    bridge.desk.open_visit("TEST-0001")
    bridge.now += PRESENT_S - 1
    bridge.reception.forget()
    assert snapshot(bridge)["present"] is not None
    bridge.now += 1
    bridge.reception.forget()
    assert snapshot(bridge)["present"] is None


@pytest.mark.parametrize("status", ["ending", "ended", "unknown"])
def test_a_visit_says_what_is_known_of_the_card_s_certificate(bridge: Bridge, world: World, status: str) -> None:
    ends = NOW + 30 * DAY if status == "ending" else NOW - DAY
    card = world.card if status == "unknown" else Card(world.authority, until=ends)
    system = System(Qualification(True, QualificationValidity.VALID, (PERSON,)))
    system.status = CertificateStatus.UNKNOWN if status == "unknown" else CertificateStatus.GOOD
    bridge.kill(system)
    assert bridge.deliver(bridge.visit(card=card, consents={})) is None
    assert bridge.courier.deliver_all()
    (row,) = rows(bridge)
    assert (row["certificate"], row["answers"]) == (status, ())
    assert row["todo"] == ("check_card" if status == "unknown" else "receive")
    bridge.kill(system)
    assert rows(bridge)[0]["certificate"] == status


def test_who_is_sent_away_for_a_certificate_is_told_while_they_stand_there(bridge: Bridge, world: World) -> None:
    bridge.desk.certificate_status(world.card.certificate)
    assert snapshot(bridge)["present"] is None
    bridge.desk.open_visit("TEST-0001")
    bridge.desk.certificate_status(Card(world.authority, until=NOW - 100 * DAY).certificate)
    assert snapshot(bridge)["present"]["certificate"] == "expired"


def test_a_clock_that_is_behind_is_told_until_a_certificate_has_begun(bridge: Bridge, world: World) -> None:
    bridge.desk.certificate_status(Card(world.authority, since=NOW + DAY).certificate)
    assert list(snapshot(bridge)["troubles"]) == ["clock"]
    bridge.now += 2 * DAY
    bridge.desk.certificate_status(world.card.certificate)
    assert snapshot(bridge)["troubles"] == {}


def test_a_call_stays_until_it_is_dismissed_and_one_reader_calls_once(bridge: Bridge) -> None:
    bridge.desk.reception_called("TEST-0001")
    bridge.desk.reception_called("TEST-0001")
    bridge.desk.reception_called("TEST-0002")
    first, second = snapshot(bridge)["calls"]
    assert (first["reader"], second["reader"]) == ("TEST-0001", "TEST-0002")
    bridge.reception.dismiss(first["id"])
    bridge.reception.dismiss(first["id"])
    assert snapshot(bridge)["calls"] == [second]
    bridge.desk.reception_called("TEST-0001")
    assert len(snapshot(bridge)["calls"]) == 2
    for number in range(CALLS_CAP):
        bridge.desk.reception_called(f"MORE-{number}")
    assert len(snapshot(bridge)["calls"]) == CALLS_CAP


def test_a_visit_is_forgotten_when_its_consents_end(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    bridge.now += DAY - 1
    bridge.reception.forget()
    assert len(rows(bridge)) == 1
    bridge.now += 1
    with watching(bridge) as subscription:
        bridge.reception.forget()
        (change,) = subscription.take()
    assert change == {"gone": b"visit 0000000001".hex()}
    assert rows(bridge) == []


def test_an_errand_of_another_day_is_carried_and_not_shown(bridge: Bridge) -> None:
    system = System()
    bridge.kill(system)
    assert bridge.deliver(bridge.visit()) is None
    bridge.now += DAY + 1
    bridge.kill(system)
    system.answer = Qualification(True, QualificationValidity.VALID, (PERSON,))
    assert bridge.courier.deliver_all()
    assert len(bridge.face_files()) == 1
    assert rows(bridge) == []


def test_no_more_is_held_than_the_caps_say_and_refusals_push_out_no_visit(bridge: Bridge) -> None:
    stored = {"device": "TEST-0001", "method": "pin", "certificate": "good", "visited_at": NOW}
    for number in range(VISITS_CAP + 3):
        log(bridge, "token_stored", cti=f"{number:032x}", **stored)
    for _ in range(REFUSED_CAP + 3):
        log(bridge, "token_refused", cti="00", device=None, reason="malformed")
    seen = rows(bridge)
    assert len([row for row in seen if row["refusal"]]) == REFUSED_CAP
    kept = [row["id"] for row in seen if not row["refusal"]]
    assert kept == [f"{number:032x}" for number in range(3, VISITS_CAP + 3)]


def test_who_does_not_keep_up_is_dropped_and_holds_up_nobody(bridge: Bridge) -> None:
    with bridge.reception.watched(lambda: None) as slow, bridge.reception.watched(lambda: None) as quick:
        for number in range(WAITING_CAP):
            log(bridge, "nonce_issued", device=f"TEST-{number:04d}")
            assert len(list(quick.take())) >= 1
        assert slow.ended
        assert list(slow.take()) == []
        assert not quick.ended


def test_once_closed_every_subscription_is_at_its_end(bridge: Bridge) -> None:
    with bridge.reception.watched(lambda: None) as before:
        bridge.reception.close()
        assert before.ended
    with bridge.reception.watched(lambda: None) as after:
        assert after.ended
