"""What a dishonest reader might make of a card: its own signature is right each time, the card's word is not."""

import hashlib
import json
import os
from dataclasses import replace

import pytest
from attack_rig import DAY, Delivery, Scene
from link_ends import person, site
from visit_samples import FACILITY_KEY, Authority, Card

from firmware.token import evidence
from firmware.token.claims import Method, certificate_mac
from firmware.token.evidence import Evidence, binding
from firmware.token.refusal import Refusal

NOT_BOUND = {Method.PIN: Refusal.PIN_SIGNATURE, Method.FACE: Refusal.CARD_CLONED}
"""How it shows that a card signed something else."""

both = pytest.mark.parametrize("method", Method)


def proof_of(scene: Scene, card: Card, method: Method, nonce: bytes, cti: bytes, consents: dict[int, bool]) -> Evidence:
    bound = binding(scene.identity.bridge_id, nonce, cti, consents, method)
    return card.pin_evidence(bound) if method is Method.PIN else card.face_evidence(bound)


def begin(scene: Scene) -> tuple[bytes, bytes]:
    return scene.desk.open_visit(scene.reader.device_id), os.urandom(16)


@both
def test_consents_that_the_patient_did_not_give_are_refused(scene: Scene, method: Method) -> None:
    """The card signed a no; the reader writes and signs a yes."""
    nonce, cti = begin(scene)
    proof = proof_of(scene, scene.card, method, nonce, cti, {1: True, 2: False})
    lie = scene.visit(nonce=nonce, cti=cti, method=method, proof=proof, consents={1: True, 2: True})
    assert scene.deliver(lie) == NOT_BOUND[method]
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=method, proof=proof)) is None


@both
@pytest.mark.parametrize("said", [{1: True, 2: False, 3: True}, {1: True}, {}])
def test_consents_added_or_left_out_are_refused(scene: Scene, method: Method, said: dict[int, bool]) -> None:
    nonce, cti = begin(scene)
    proof = proof_of(scene, scene.card, method, nonce, cti, {1: True, 2: False})
    lie = scene.visit(nonce=nonce, cti=cti, method=method, proof=proof, consents=said)
    assert scene.deliver(lie) == NOT_BOUND[method]
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=method, proof=proof)) is None


def test_a_bit_of_the_consents_changed_on_the_way_is_refused(scene: Scene) -> None:
    visit = scene.visit(consents={1: False})
    changed = visit.token.replace(b"\xa1\x01\xf4", b"\xa1\x01\xf5")
    assert changed != visit.token
    assert scene.deliver(Delivery(changed, visit.evidence, visit.cti, visit.nonce)) == Refusal.SIGNATURE
    assert scene.deliver(visit) is None


def test_another_method_than_the_evidence_shows_is_refused(scene: Scene) -> None:
    """A face that nobody compared, shown with the evidence of a PIN."""
    nonce, cti = begin(scene)
    pin = proof_of(scene, scene.card, Method.FACE, nonce, cti, {1: True, 2: False})
    for method in Method:
        other = Method.FACE if method is Method.PIN else Method.PIN
        lie = scene.visit(
            nonce=nonce, cti=cti, method=method, said=lambda claims, other=other: replace(claims, method=other)
        )
        assert scene.deliver(lie) == Refusal.METHOD_MISMATCH
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=Method.FACE, proof=pin)) is None


@both
def test_evidence_of_another_visit_of_the_same_patient_is_refused(scene: Scene, method: Method) -> None:
    earlier = scene.visit(method=method)
    assert scene.deliver(earlier) is None
    old = evidence.decode(earlier.evidence)
    nonce = scene.desk.open_visit(scene.reader.device_id)
    assert scene.deliver(scene.visit(nonce=nonce, method=method, proof=old)) == NOT_BOUND[method]
    assert scene.deliver(scene.visit(nonce=nonce, method=method)) is None


def test_evidence_that_the_token_does_not_name_is_refused(scene: Scene) -> None:
    """Two visits of one reader, their evidence exchanged on the way."""
    one, two = scene.visit(), scene.visit()
    assert scene.deliver(replace_evidence(one, two.evidence)) == Refusal.EVIDENCE_NOT_NAMED
    assert [scene.deliver(one), scene.deliver(two)] == [None, None]


def replace_evidence(visit: Delivery, message: bytes) -> Delivery:
    return Delivery(visit.token, message, visit.cti, visit.nonce)


@both
def test_another_patients_certificate_is_refused_with_a_pin_and_known_to_pass_with_a_face(
    scene: Scene, method: Method
) -> None:
    """Nothing on a card ties its photo to its certificate: the reader's word is all there is, and TOKEN.md says so."""
    other = card_of(scene)
    nonce, cti = begin(scene)
    proof = replace(proof_of(scene, scene.card, method, nonce, cti, {1: True, 2: False}), certificate=other.certificate)
    lie = scene.visit(nonce=nonce, cti=cti, method=method, proof=proof, card=other)
    assert scene.deliver(lie) == (Refusal.PIN_SIGNATURE if method is Method.PIN else None)
    assert scene.deliver(scene.visit(method=method)) is None


def test_the_face_of_another_card_is_refused(scene: Scene) -> None:
    """The thief's own face, signed for the thief's card, with the victim's key signing."""
    thief = card_of(scene)
    nonce, cti = begin(scene)
    victim = proof_of(scene, scene.card, Method.FACE, nonce, cti, {1: True, 2: False})
    own = proof_of(scene, thief, Method.FACE, nonce, cti, {1: True, 2: False})
    for swapped, reason in (
        (replace(victim, photo_hash=own.photo_hash), Refusal.PHOTO_CHANGED),
        (replace(victim, group2_hash=hashlib.sha256(b"another name").digest()), Refusal.CARD_FACE_CHANGED),
        (replace(victim, group1=own.group1), Refusal.HOLDER_CHANGED),
        (replace(victim, photo_hash=own.photo_hash, photo_signature=own.photo_signature), Refusal.HOLDER_CHANGED),
        (replace(victim, photo_signature=bytes(256)), Refusal.PHOTO_SIGNATURE),
        (replace(victim, card_signature=own.card_signature), Refusal.CARD_CLONED),
    ):
        lie = scene.visit(nonce=nonce, cti=cti, method=Method.FACE, proof=swapped)
        assert scene.deliver(lie) == reason
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=Method.FACE, proof=victim)) is None


def card_of(scene: Scene, authority: Authority | None = None, since: int = -100, until: int = 900) -> Card:
    """A card of somebody whom the eligibility system knows; `since`, `until` in days from now."""
    now = int(scene.now)
    card = Card(authority or site().authority, since=now + since * DAY, until=now + until * DAY)
    table = json.loads(scene.people.read_text())
    table["people"].append(person(card))
    scene.people.write_text(json.dumps(table))
    return card


def test_a_card_of_an_unknown_authority_is_refused(scene: Scene) -> None:
    stranger = card_of(scene, Authority(b"SOMEBODY ELSE 01"))
    assert scene.deliver(scene.visit(card=stranger)) == Refusal.CERTIFICATE_UNTRUSTED
    assert scene.deliver(scene.visit(card=card_of(scene))) is None


@pytest.mark.parametrize(
    ("cv_name", "reason"),
    [(b"SOMEBODY ELSE 01", Refusal.ISSUER_UNKNOWN), (b"TEST CV CA 00001", Refusal.ISSUER_FORGED)],
)
def test_a_photo_signed_by_a_foreign_issuer_is_refused(scene: Scene, cv_name: bytes, reason: Refusal) -> None:
    """A genuine certificate beside a face that somebody else signed, once under a name of their own, once not."""
    nonce, cti = begin(scene)
    own = card_of(scene, Authority(cv_name))
    forged = proof_of(scene, own, Method.FACE, nonce, cti, {1: True, 2: False})
    forged = replace(forged, certificate=scene.card.certificate)
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=Method.FACE, proof=forged)) == reason
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti, method=Method.FACE)) is None


def test_a_revoked_card_is_refused(scene: Scene) -> None:
    stolen, table = card_of(scene), json.loads(scene.people.read_text())
    assert scene.deliver(scene.visit(card=stolen)) is None
    scene.people.write_text(json.dumps({**table, "revoked": [f"{stolen.x509.serial_number:x}"]}))
    assert scene.deliver(scene.visit(card=stolen)) == Refusal.CERTIFICATE_REVOKED
    assert scene.deliver(scene.visit()) is None


def test_consents_with_a_card_whose_certificate_has_ended_are_refused(scene: Scene) -> None:
    ended = card_of(scene, until=-1)
    assert scene.deliver(scene.visit(card=ended, consents={1: True})) == Refusal.CONSENT_NOT_ALLOWED
    assert scene.deliver(scene.visit(card=ended, consents={})) is None


def test_a_card_whose_certificate_ended_long_ago_is_refused(scene: Scene) -> None:
    assert scene.deliver(scene.visit(card=card_of(scene, since=-900, until=-200), consents={})) == "certificate_expired"
    assert scene.deliver(scene.visit(card=card_of(scene, until=-1), consents={})) is None


def test_a_certificate_mac_of_another_card_or_key_is_refused(scene: Scene) -> None:
    nonce, other = scene.desk.open_visit(scene.reader.device_id), card_of(scene)
    for mac in (certificate_mac(FACILITY_KEY, other.certificate), certificate_mac(bytes(32), scene.card.certificate)):
        lie = scene.visit(nonce=nonce, said=lambda claims, mac=mac: replace(claims, certificate_mac=mac))
        assert scene.deliver(lie) == Refusal.CERTIFICATE_MAC
    assert scene.deliver(scene.visit(nonce=nonce)) is None


def test_evidence_made_for_another_bridge_is_refused(scene: Scene) -> None:
    """A bridge that hands a reader the nonce of another bridge gets nothing that the other would take."""
    nonce, cti = begin(scene)
    bound = binding(os.urandom(16), nonce, cti, {1: True, 2: False}, Method.PIN)
    lie = scene.visit(nonce=nonce, cti=cti, proof=scene.card.pin_evidence(bound))
    assert scene.deliver(lie) == Refusal.PIN_SIGNATURE
    assert scene.deliver(scene.visit(nonce=nonce, cti=cti)) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", Refusal.MALFORMED),
        (b"\x83\x63pin\x40\x40\x00", Refusal.TRAILING_BYTES),
        (b"\x9f\x63pin\x40\x40\xff", Refusal.INDEFINITE_LENGTH),
        (b"\x83\x65staff\x40\x40", Refusal.MALFORMED),
        (b"\x83\x63pin\x40\x40", Refusal.CERTIFICATE_MALFORMED),
    ],
)
def test_evidence_that_is_none_is_refused(scene: Scene, message: bytes, reason: Refusal) -> None:
    """Named by the token all the same."""
    visit = scene.visit()
    named = hashlib.sha256(message).digest()
    lie = scene.visit(nonce=visit.nonce, said=lambda claims: replace(claims, evidence=named))
    assert scene.deliver(replace_evidence(lie, message)) == reason
    assert scene.deliver(visit) is None
