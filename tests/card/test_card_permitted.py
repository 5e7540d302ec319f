"""The check that every test of the library and of the flows passes through in the end: it must bite."""

import pytest
from card_bench import DirectBench
from permitted import NotPermitted, assert_permitted

from firmware.card.face_ap import CardSurfaceAp

JPKI, SURFACE = "00A4040C0AD392F000260100000001", "00A4040C0AD3921000310001010402"


def traced(*commands: str) -> list[str]:
    return [f"12:34:56.789012 {command} -> 9000 +0  file" for command in commands]


def test_what_a_visit_needs_is_permitted():
    assert_permitted(traced(JPKI, "00B0860020", "00B08A00FB", "00200098", "00200098**", "802A009701AA00"))
    assert_permitted(traced(SURFACE, "00200092", "00200092**", "00B08200FB", "00B000FB0000FF", "00C00000FF"))
    assert_permitted(
        traced(SURFACE, "00A4020C020002", "00B00000FB", "802A000001AA00", JPKI, "00A4020C020018", "00200080")
    )


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("00A4020C020005", id="picture of the number selected"),
        pytest.param("00A4020C0000020005", id="picture of the number selected by an extended command"),
        pytest.param("00B0850000", id="picture of the number read"),
        pytest.param("00A4020C020013", id="number A selected"),
        pytest.param("00200093", id="tries of number A"),
        pytest.param("00200093**", id="number A presented"),
        pytest.param("00B1000504540200FF00", id="picture of the number read by the odd instruction"),
        pytest.param("00A4080C020005", id="file selected by path"),
        pytest.param("00A4000C020005", id="file selected by any identifier"),
        pytest.param("00B2012C00", id="record read"),
        pytest.param("00240093**", id="PIN changed"),
        pytest.param("00A4040C0AD3921000310001010408", id="text application"),
        pytest.param("00A4040C0AD3921000310001010401", id="residents' register application"),
        pytest.param("00A4040C0AD3921000310001010100", id="common application"),
        pytest.param("00A4040C09D39210003100010104", id="name cut short"),
        pytest.param("0CB0820000", id="secure messaging"),
    ],
)
def test_a_touch_of_the_twelve_digit_number_or_of_another_application_is_found(command):
    with pytest.raises(NotPermitted):
        assert_permitted(traced(SURFACE, command))


def test_files_are_permitted_in_their_own_application_only():
    with pytest.raises(NotPermitted):
        assert_permitted(traced(JPKI, "00B0820000"))
    with pytest.raises(NotPermitted):
        assert_permitted(traced("00B0820000"))


@pytest.mark.parametrize("command", ["00A4020C020005", "00A4020C020013", "00B0850000", "00200093"])
async def test_the_virtual_card_traces_what_the_check_looks_for(persona, command):
    bench = DirectBench()
    session = await bench.place(persona("adult").folder)
    CardSurfaceAp(session).issuer_certificate()
    assert_permitted(bench.trace())
    session.transmit(bytes.fromhex(command))
    assert bench.trace()[-1].endswith("FORBIDDEN")
    with pytest.raises(NotPermitted):
        assert_permitted(bench.trace())
