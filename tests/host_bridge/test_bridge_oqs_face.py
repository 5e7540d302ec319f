from xml.etree import ElementTree

import pytest
from bridge_rig import PERSON
from hypothesis import given
from hypothesis import strategies as st
from visit_samples import NOW

from host_bridge.outlets.oqs_face import RESULT, FaceFile, Result, Schema, check_result, file_name, to_xml

HEADER = [
    "ProcessExecutionTime",
    "QualificationConfirmationDate",
    "MedicalInstitutionCode",
    "ReferenceClassification",
    "SegmentOfResult",
    "CharacterCodeIdentifier",
]


def face_file(*results: Result, consents: dict[str, bool] | None = None) -> FaceFile:
    return FaceFile("1312345670", NOW, NOW + 3, 1, results, consents or {})


def parse(content: bytes) -> ElementTree.Element:
    """The file as a reader that believes its declaration sees it."""
    declaration, document = content.decode("cp932").split("\r\n", 1)
    assert declaration == '<?xml version="1.0" encoding="Shift_JIS" standalone="no"?>'
    return ElementTree.fromstring(document)


def full(schema: Schema) -> Result:
    """Every element of a layout, in an order of no meaning."""
    pairs = [(entry, "1") if isinstance(entry, str) else (entry[0], full(entry[1])) for entry in schema]
    return dict(sorted(pairs, key=lambda pair: pair[0]))


def order(schema: Schema) -> list[str]:
    names: list[str] = []
    for entry in schema:
        names += [entry] if isinstance(entry, str) else [entry[0], *order(entry[1])]
    return names


def test_header_and_body_keep_the_layout() -> None:
    root = parse(to_xml(face_file(PERSON)))
    header, body = root
    assert [element.tag for element in header] == HEADER
    assert [element.text for element in header] == ["20260921231323", "20260921", "1312345670", "1", "1", "1"]
    assert [element.tag for element in body] == ["ProcessingResultStatus", "QualificationValidity", "ResultList"]


def test_a_full_result_comes_out_in_the_order_of_the_layout() -> None:
    (result,) = parse(to_xml(face_file(full(RESULT)))).iter("ResultOfQualificationConfirmation")
    assert [element.tag for element in result.iter()][1:] == order(RESULT)


def test_consents_carry_their_times_only_when_given() -> None:
    consents = {"PharmacistsInfo": True, "OperationInfo": False}
    (result,) = parse(to_xml(face_file(PERSON, consents=consents))).iter("ResultOfQualificationConfirmation")
    said = {element.tag: element.text for element in result}
    assert said["PharmacistsInfoConsFlg"] == "1"
    assert said["PharmacistsInfoConsTime"] == "20260921231320"
    assert said["PharmacistsInfoAvailableTime"] == "20260922231320"
    assert said["OperationInfoConsFlg"] == "0"
    assert "OperationInfoConsTime" not in said


def test_several_qualifications_and_several_tickets_are_all_there() -> None:
    tickets = {"PublicExpenseResultList": {"MedicalTicketInfo": [{"TicketType": "1"}, {"TicketType": "2"}]}}
    root = parse(to_xml(face_file(PERSON, tickets)))
    assert len(list(root.iter("ResultOfQualificationConfirmation"))) == 2
    assert [ticket.text for ticket in root.iter("TicketType")] == ["1", "2"]


def test_nobody_found_leaves_the_list_empty() -> None:
    assert len(parse(to_xml(face_file()))[1][2]) == 0


def test_characters_outside_the_character_set_become_dots_and_twins_stay() -> None:
    (name,) = parse(
        to_xml(face_file({"Name": "見本\N{CJK UNIFIED IDEOGRAPH-20BB7}\x07　花子", "Address": "1\u22122\u301c3"}))
    ).iter("Name")
    assert name.text == "見本●●　花子"
    (address,) = parse(to_xml(face_file({"Address": "1\u22122\u301c3"}))).iter("Address")
    assert address.text == "1\uff0d2\uff5e3"


@given(st.text(max_size=30))
def test_any_text_gives_well_formed_xml_that_cp932_reads(text: str) -> None:
    (name,) = parse(to_xml(face_file({"Name": text}))).iter("Name")
    assert len(name.text or "") == len(text)


@pytest.mark.parametrize(
    "result",
    [{"Nickname": "x"}, {"Name": {"First": "x"}}, {"PublicExpenseResultList": "x"}],
)
def test_what_the_layout_does_not_have_is_refused(result: Result) -> None:
    with pytest.raises(ValueError, match=r"element|expected"):
        check_result(result)


def test_file_name_follows_the_rule() -> None:
    unique = "0123456789abcdef0123"
    assert file_name("1312345670", unique, NOW) == f"OQSsiquc01res_face_1312345670{unique}_20260921231320.xml"
    for code, tail in (("131234567", unique), ("1312345670", "../../../../etc/pass"), ("1312345670", unique[1:])):
        with pytest.raises(ValueError, match="expected"):
            file_name(code, tail, NOW)
