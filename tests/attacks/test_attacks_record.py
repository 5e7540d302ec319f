"""Sealed records: who else may open, change or hand them in."""

import shutil

import pytest
from attack_line import Line
from attack_rig import Scene
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware.link.state import journal_file
from firmware.token.record import open_record, seal
from firmware.token.refusal import Refusal, TokenRefused
from host_bridge.identity import create_bridge


def test_a_record_sealed_to_another_bridge_is_refused(scene: Scene) -> None:
    """By key, or by name."""
    elsewhere, visit = create_bridge(scene.folder / "elsewhere"), scene.visit()
    for key, bridge_id in (
        (elsewhere.sealing_key, scene.identity.bridge_id),
        (scene.identity.sealing_key, elsewhere.bridge_id),
    ):
        assert scene.hand_in(seal(key, bridge_id, visit.token, visit.evidence)) == Refusal.RECORD_UNREADABLE
    assert scene.deliver(visit) is None


def test_no_other_bridge_opens_a_record_and_no_reader_either(scene: Scene) -> None:
    record = scene.sealed(scene.visit())
    elsewhere = create_bridge(scene.folder / "elsewhere")
    for key in (elsewhere.record_key, X25519PrivateKey.generate().private_bytes_raw()):
        with pytest.raises(TokenRefused) as refused:
            open_record(key, scene.identity.bridge_id, record)
        assert refused.value.refusal == Refusal.RECORD_UNREADABLE
        assert isinstance(refused.value.__cause__, InvalidTag)
    assert open_record(scene.identity.record_key, scene.identity.bridge_id, record)


@pytest.mark.parametrize("at", [0, 31, 32, 300, -17, -1])
def test_a_record_with_one_bit_changed_is_refused(scene: Scene, at: int) -> None:
    visit = scene.visit()
    record = bytearray(scene.sealed(visit))
    record[at] ^= 1
    assert scene.hand_in(bytes(record)) == Refusal.RECORD_UNREADABLE
    assert scene.deliver(visit) is None


def test_a_record_that_is_cut_extended_spliced_or_empty_is_refused(scene: Scene) -> None:
    visit, other = scene.visit(), scene.visit()
    record, second = scene.sealed(visit), scene.sealed(other)
    for wrong in (b"", record[:-1], record[:40], record + b"\0", record[:32] + second[32:], bytes(9400)):
        assert scene.hand_in(wrong) == Refusal.RECORD_UNREADABLE
    assert scene.hand_in(bytes(9401)) == Refusal.TOO_LARGE
    assert [scene.hand_in(record), scene.hand_in(second)] == [None, None]


def test_a_journal_copied_onto_another_paired_reader_delivers_nothing(scene: Scene) -> None:
    """Over the link, with both readers genuine; the one that signed delivers it afterwards."""
    victim = scene.conversation()
    cti = victim.keep(scene)
    victim.journal.close()
    other = scene.pair("READER-0002")
    shutil.copy(journal_file(scene.reader.state), journal_file(other.state))
    copied = scene.conversation(other)
    Line(scene.session(), copied.end).run(2000)
    assert copied.heard("token_receipt") == [{"cti": cti.hex(), "accepted": False, "refusal": Refusal.NONCE_UNKNOWN}]
    copied.journal.close()
    honest = scene.conversation()
    Line(scene.session(), honest.end).run(2000)
    assert honest.heard("token_receipt") == [{"cti": cti.hex(), "accepted": True, "refusal": None}]
    assert scene.stored() == {cti}


def test_a_disk_copied_with_its_records_delivers_them_once(scene: Scene) -> None:
    """A clone of the whole reader has its keys; what it delivers is the same token, and that is one."""
    original = scene.conversation()
    cti = original.keep(scene)
    original.journal.close()
    for reader in (scene.reader.copy(scene.folder / "clone"), scene.reader):
        end = scene.conversation(reader)
        Line(scene.session(), end.end).run(2000)
        assert end.heard("token_receipt") == [{"cti": cti.hex(), "accepted": True, "refusal": None}]
        end.journal.close()
    assert scene.stored() == {cti}


def test_a_clone_that_goes_on_counting_is_found_at_its_first_token(scene: Scene) -> None:
    """Both sign number 1 next; whichever comes second is refused, and the bridge's log says why."""
    clone = scene.conversation(scene.reader.copy(scene.folder / "clone"))
    genuine = scene.conversation()
    first, second = genuine.keep(scene), clone.keep(scene)
    for end in (genuine, clone):
        Line(scene.session(), end.end).run(2000)
    assert clone.heard("token_receipt") == [{"cti": second.hex(), "accepted": False, "refusal": Refusal.COUNTER_REUSED}]
    assert scene.stored() == {first}
