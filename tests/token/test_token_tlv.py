"""BER-TLV as the card's files hold it, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from visit_samples import tlv as encode

from firmware.token import cv, tlv
from firmware.token.tlv import Element


@given(st.lists(st.tuples(st.sampled_from([0x30, 0x91, 0x5F37, 0xDF24]), st.binary(max_size=300)), max_size=4))
def test_objects_come_apart_into_what_was_put_together(parts: list[tuple[int, bytes]]) -> None:
    encoded = [encode(*part) for part in parts]
    whole = [Element(tag, value, one) for (tag, value), one in zip(parts, encoded, strict=True)]
    assert list(tlv.elements(b"".join(encoded))) == whole
    assert [tlv.object_size(one[:5]) for one in encoded] == [len(one) for one in encoded]


@given(st.binary(max_size=80))
def test_bytes_that_are_no_objects_are_refused_and_never_crash(encoded: bytes) -> None:
    try:
        parts = list(tlv.elements(encoded))
    except ValueError:
        return
    assert b"".join(part.encoded for part in parts) == encoded


HEADER, LENGTH, OBJECT = "header cut short", "no length of at most two bytes", "object cut short"


@pytest.mark.parametrize(
    ("encoded", "complaint"),
    [
        ("30", HEADER),
        ("5F", HEADER),
        ("5F37", HEADER),
        ("308000", LENGTH),
        ("3083000001AA", LENGTH),
        ("308200", LENGTH),
        ("3081", LENGTH),
        ("3003AABB", OBJECT),
        ("3082000300AA", OBJECT),
    ],
)
def test_an_object_cut_short_or_of_another_form_is_refused(encoded: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        list(tlv.elements(bytes.fromhex(encoded)))


@pytest.mark.parametrize(
    ("start", "size"), [("3000", 2), ("307F", 129), ("308180", 131), ("30820100", 260), ("5F37820005", 10)]
)
def test_a_header_alone_tells_the_size_of_its_object(start: str, size: int) -> None:
    header = bytes.fromhex(start)
    assert tlv.object_size(header) == size
    assert [len(one.encoded) for one in tlv.elements(header.ljust(size, b"\0"))] == [size]


def test_objects_by_tag_come_once_each() -> None:
    assert tlv.by_tag(bytes.fromhex("300191" + "5F3700")).keys() == {0x30, 0x5F37}
    with pytest.raises(ValueError, match="5F37 twice"):
        tlv.by_tag(bytes.fromhex("5F3700" + "5F3700"))


@pytest.mark.parametrize("encoded", ["", "7F21", "7F2100", "3000", "7F210491009000", "7F2103910000"])
def test_bytes_that_are_no_cv_certificate_are_a_value_error(encoded: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cv.CvCertificate.parse(bytes.fromhex(encoded))
