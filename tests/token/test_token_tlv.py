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
    assert [tlv.object_size(one[: tlv.HEADER_SIZE]) for one in encoded] == [len(one) for one in encoded]


@given(st.binary(max_size=80))
def test_bytes_that_are_no_objects_are_refused_and_never_crash(encoded: bytes) -> None:
    try:
        parts = list(tlv.elements(encoded))
    except ValueError:
        return
    assert b"".join(part.encoded for part in parts) == encoded


@pytest.mark.parametrize("encoded", ["30", "5F", "5F37", "308000", "3083000001AA", "3003AABB", "308200"])
def test_an_object_cut_short_or_of_another_form_is_refused(encoded: str) -> None:
    with pytest.raises(ValueError, match=r"short|length"):
        list(tlv.elements(bytes.fromhex(encoded)))


def test_objects_by_tag_come_once_each() -> None:
    assert tlv.by_tag(bytes.fromhex("300191" + "5F3700")).keys() == {0x30, 0x5F37}
    with pytest.raises(ValueError, match="5F37 twice"):
        tlv.by_tag(bytes.fromhex("5F3700" + "5F3700"))


@pytest.mark.parametrize("encoded", ["", "7F21", "7F2100", "3000", "7F210491009000", "7F2103910000"])
def test_bytes_that_are_no_cv_certificate_are_a_value_error(encoded: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cv.CvCertificate.parse(bytes.fromhex(encoded))
