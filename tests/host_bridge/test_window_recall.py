"""What the reception still sees after a restart of the bridge."""

import pytest
from bridge_rig import Bridge
from visit_samples import NOW
from window_rig import rows

from firmware.token.claims import Method
from host_bridge.outlets.oqs_face_read import NotAFaceFile, from_xml
from host_bridge.visits import Inquiry


def test_after_a_restart_the_day_is_remembered_with_names_from_files_that_still_lie_there(bridge: Bridge) -> None:
    for number in (1, 2):
        assert bridge.deliver(bridge.visit(cti=b"visit %010d" % number, counter=number, method=Method.FACE)) is None
        assert bridge.courier.deliver_all()
    before = rows(bridge)
    taken = before[1]["file"]["name"]
    (bridge.files.face / taken).unlink()
    bridge.now += 60
    bridge.kill()
    bridge.reception.look()
    there, away = rows(bridge)
    there["standing"]["registered"] = True  # the one thing that a face file does not say
    assert there == before[0]
    assert (away["inquiry"], away["todo"], away["standing"]) == ("away", "look_at_receipt_computer", None)
    assert away["file"] == {"name": taken, "written_at": NOW, "taken": True}
    for fact in ("visited_at", "arrived_at", "reader", "method", "answers", "certificate"):
        assert away[fact] == before[1][fact]


def test_after_a_restart_with_a_file_under_way_its_name_is_known_at_once(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    (errand,) = bridge.journal.errands()
    bridge.courier.prepare(errand)
    bridge.kill()
    (row,) = rows(bridge)
    assert (row["inquiry"], row["standing"]["person"]["name"]) == (Inquiry.ANSWERED, "見本　花子")
    assert row["file"]["written_at"] is None
    assert bridge.courier.deliver_all()
    assert rows(bridge)[0]["file"]["written_at"] == NOW


def test_after_a_restart_a_file_exchanged_for_something_else_is_not_believed(bridge: Bridge) -> None:
    assert bridge.deliver(bridge.visit()) is None
    assert bridge.courier.deliver_all()
    bridge.face_files()[0].write_bytes(b"<XmlMsg/>")
    bridge.kill()
    assert rows(bridge)[0]["inquiry"] == Inquiry.AWAY


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<XmlMsg/>",
        b"<XmlMsg><MessageBody/></XmlMsg>",
        b"<XmlMsg><MessageBody><QualificationValidity>9</QualificationValidity></MessageBody></XmlMsg>",
        b'<!DOCTYPE a [<!ENTITY b "1">]>'
        b"<XmlMsg><MessageBody><QualificationValidity>&b;</QualificationValidity></MessageBody></XmlMsg>",
        b"\x81",
        b"<a>" * 100_000,
        b" " * (1 << 21),
    ],
)
def test_what_is_no_face_file_is_declared(content: bytes) -> None:
    with pytest.raises(NotAFaceFile):
        from_xml(b'<?xml version="1.0" encoding="Shift_JIS"?>' + content)


def test_groups_in_a_face_file_are_read_one_deep() -> None:
    deep = "<a>" * 20_000 + "</a>" * 20_000
    result = f"<Name>x</Name>{deep}<b><c>y</c></b>"
    results = (
        f"<ResultList><ResultOfQualificationConfirmation>{result}</ResultOfQualificationConfirmation></ResultList>"
    )
    body = f"<XmlMsg><MessageBody><QualificationValidity>1</QualificationValidity>{results}</MessageBody></XmlMsg>"
    (read,) = from_xml(b"<?xml?>" + body.encode()).results
    assert read == {"Name": "x", "a": {}, "b": {"c": "y"}}
