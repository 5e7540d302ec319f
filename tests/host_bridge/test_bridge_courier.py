import json
import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bridge_rig import PERSON, Bridge
from visit_samples import NOW

from firmware.token.claims import Method
from host_bridge.eligibility import CertificateStatus, EligibilityUnavailable, Qualification, QualificationValidity
from host_bridge.journal import Journal
from host_bridge.keys import Seal
from host_bridge.outlets.face_folder import FaceFolder, FaceFolderUnusable, NameTaken

NAME_RULE = re.compile(r"\AOQSsiquc01res_face_1312345670[0-9a-f]{20}_(\d{14})\.xml\Z")


def test_a_stored_visit_becomes_one_face_file_with_a_note_beside_it(bridge: Bridge) -> None:
    delivery = bridge.visit(method=Method.FACE)
    assert bridge.deliver(delivery) is None
    assert bridge.courier.deliver_all()
    (file,) = bridge.face_files()
    assert NAME_RULE.match(file.name)
    result = ElementTree.fromstring(file.read_bytes().decode("cp932").split("?>", 1)[1]).find(".//ResultList/*")
    assert result is not None
    said = {element.tag: element.text for element in result}
    assert said.items() >= PERSON.items()
    assert (said["PharmacistsInfoConsFlg"], said["DiagnosisInfoConsFlg"]) == ("1", "1")
    assert said["SpecificHealthCheckupsInfoConsFlg"] == "0"
    assert "OperationInfoConsFlg" not in said
    (note,) = bridge.files.index.iterdir()
    assert json.loads(note.read_text()) == {"visit": delivery.cti.hex(), "reader": "TEST-0001", "file": file.name}
    assert bridge.events("face_file_written")[0]["file"] == file.name


def test_once_delivered_the_key_to_the_patient_is_erased(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    assert len(errand.lookup_key_sealed) > 32
    assert bridge.courier.deliver_all()
    assert bridge.journal.errands() == ()
    assert not any(errand.lookup_key_sealed in file.read_bytes() for file in bridge.folder.glob("journal.db*"))


def test_killed_before_the_log_is_emptied_the_key_to_the_patient_is_erased_at_the_next_start(
    bridge: Bridge, tmp_path: Path
) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    with closing(sqlite3.connect(bridge.folder / "journal.db")) as same:
        same.execute("UPDATE outbox SET delivered_at = 1, lookup_key_sealed = NULL")
        same.commit()
        files = {file.name: file.read_bytes() for file in bridge.folder.glob("journal.db*")}
    assert errand.lookup_key_sealed in files["journal.db-wal"]
    (tmp_path / "killed").mkdir()
    for name in ("journal.db", "journal.db-wal"):
        (tmp_path / "killed" / name).write_bytes(files[name])
    with closing(Journal(tmp_path / "killed" / "journal.db")) as journal:
        assert journal.errands() == ()
        left = [file.read_bytes() for file in (tmp_path / "killed").glob("journal.db*")]
    assert not any(errand.lookup_key_sealed in content for content in left)


def test_killed_after_the_commit_the_file_is_written_at_the_next_start(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    bridge.kill()
    assert bridge.courier.deliver_all()
    assert len(bridge.face_files()) == 1


def test_killed_before_the_work_file_is_remembered_it_is_made_anew(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    bridge.files.finish("OQSsiquc01res_face_forgotten.xml", b"<half/>", {})
    (bridge.files.work / "notes.txt").write_text("somebody else's")
    bridge.kill()
    assert bridge.courier.deliver_all()
    assert len(bridge.face_files()) == 1
    assert [file.name for file in bridge.files.work.iterdir()] == ["notes.txt"]
    assert len(list(bridge.files.index.iterdir())) == 1


def test_killed_between_commit_and_rename_the_prepared_file_is_handed_over(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    name = bridge.courier.prepare(errand)
    assert bridge.face_files() == []
    bridge.kill()
    assert bridge.courier.deliver_all()
    assert [file.name for file in bridge.face_files()] == [name]


def test_killed_after_the_rename_a_file_the_receipt_computer_took_does_not_come_back(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    name = bridge.courier.prepare(errand)
    bridge.files.hand_over(name)
    (bridge.files.face / name).unlink()  # the receipt computer
    bridge.kill()
    assert bridge.courier.deliver_all()
    assert bridge.face_files() == []
    assert bridge.journal.errands() == ()


def test_a_file_in_the_way_is_never_overwritten(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    taken = bridge.files.face / bridge.courier.prepare(errand)
    taken.write_bytes(b"somebody else's")
    assert not bridge.courier.deliver_all()
    assert bridge.courier.deliver_all()
    assert taken.read_bytes() == b"somebody else's"
    assert len(bridge.face_files()) == 2
    assert list(bridge.files.work.iterdir()) == []


def test_a_folder_that_cannot_be_written_keeps_the_errand(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    bridge.files.work.rmdir()
    assert not bridge.courier.deliver_all()
    assert bridge.events("face_file_failed")
    bridge.files.work.mkdir()
    assert bridge.courier.deliver_all()
    assert len(bridge.face_files()) == 1


def test_the_time_of_consent_stays_between_nonce_and_receipt(bridge: Bridge) -> None:
    early = bridge.visit(issued_at=NOW - 5000, cti=b"visit 0000000001", counter=1)
    late = bridge.visit(issued_at=NOW + 5000, cti=b"visit 0000000002", counter=2)
    bridge.now += 60
    assert bridge.deliver(early) is None
    assert bridge.deliver(late) is None
    assert [errand.visited_at for errand in bridge.journal.errands()] == [NOW, NOW + 60]


def test_names_taken_and_other_volumes_are_declared(tmp_path: Path) -> None:
    folder = FaceFolder.prepare(tmp_path / "face", tmp_path / "work", tmp_path / "index")
    folder.finish("a.xml", b"new", {})
    (folder.face / "a.xml").write_bytes(b"old")
    with pytest.raises(NameTaken):
        folder.hand_over("a.xml")
    with pytest.raises(FaceFolderUnusable, match="volume"):
        FaceFolder.prepare(tmp_path / "face", Path("/dev/shm/bridge-test-work"), tmp_path / "index")
    Path("/dev/shm/bridge-test-work").rmdir()


class Awaited:
    """An eligibility system that answers nobody until it is `up`."""

    def __init__(self) -> None:
        self.up = False
        self.asked = threading.Event()

    def revocation(self, certificate_sha256: bytes, serial: int) -> CertificateStatus:
        raise EligibilityUnavailable

    def qualification(self, certificate_sha256: bytes) -> Qualification:
        self.asked.set()
        if not self.up:
            raise EligibilityUnavailable
        return Qualification(True, QualificationValidity.VALID, (PERSON,))


def test_while_eligibility_cannot_be_asked_visits_are_stored_and_files_wait(bridge: Bridge) -> None:
    system = Awaited()
    bridge.kill(system)
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.events("token_stored")[0]["certificate"] == "unknown"
    assert not bridge.courier.deliver_all()
    assert bridge.events("eligibility_unavailable")
    with pytest.raises(EligibilityUnavailable):
        bridge.desk.identify(bridge.world.card.certificate)
    system.up = True
    assert bridge.courier.deliver_all()
    assert len(bridge.face_files()) == 1


def test_one_errand_that_cannot_be_carried_out_holds_up_no_other(bridge: Bridge) -> None:
    first, second = bridge.visit(), bridge.visit(cti=b"visit 0000000002", counter=2)
    assert bridge.deliver(first) is None
    assert bridge.deliver(second) is None
    unreadable = replace(bridge.courier, seal=Seal(bytes(31) + b"\1"))  # a key file exchanged by mistake
    bridge.courier.prepare(bridge.journal.errands()[1])
    assert not unreadable.deliver_all()
    assert [event["reason"] for event in bridge.events("face_file_failed")] == ["InvalidTag"]
    assert len(bridge.face_files()) == 1


@dataclass(frozen=True)
class Watched(FaceFolder):
    """A folder that tells when a file has arrived."""

    arrived: threading.Event = field(default_factory=threading.Event)

    def hand_over(self, name: str) -> None:
        super().hand_over(name)
        self.arrived.set()


def test_a_running_courier_carries_what_is_stored_and_stops_when_told(bridge: Bridge) -> None:
    folder = Watched(bridge.files.face, bridge.files.work, bridge.files.index)
    courier = replace(bridge.courier, folder=folder)
    thread = threading.Thread(target=courier.run)
    thread.start()
    assert bridge.deliver(bridge.visit()) is None
    assert folder.arrived.wait(10)
    courier.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert bridge.journal.errands() == ()


def test_a_running_courier_tries_again_by_itself(bridge: Bridge) -> None:
    system = Awaited()
    bridge.kill(system)
    folder = Watched(bridge.files.face, bridge.files.work, bridge.files.index)
    courier = replace(bridge.courier, folder=folder, retry_s=0.01)
    assert bridge.deliver(bridge.visit()) is None
    thread = threading.Thread(target=courier.run)
    thread.start()
    assert system.asked.wait(10)
    system.up = True
    assert folder.arrived.wait(10)
    courier.stop()
    thread.join(10)
    assert not thread.is_alive()
