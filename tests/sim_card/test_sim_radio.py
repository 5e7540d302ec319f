"""The radio's model."""

import pytest

from board.sim.card.radio import Radio

READ_ALL = 7
"""Bytes of an extended READ BINARY."""
TWENTY_KB = 20 * 1024


@pytest.mark.parametrize(("kbit_s", "seconds"), [(106, 2.04), (212, 1.03), (424, 0.52)])
def test_twenty_kilobytes_take_as_long_as_the_standard_lets_them(kbit_s, seconds):
    assert Radio(kbit_s).exchange_s(READ_ALL, TWENTY_KB + 2) == pytest.approx(seconds, abs=0.006)
    assert Radio(kbit_s).exchange_s(READ_ALL, TWENTY_KB // 2 + 2) == pytest.approx(seconds / 2, abs=0.006)


def test_short_commands_cost_more_and_a_full_frame_less_than_one_byte_beyond():
    radio = Radio(106)
    short = radio.exchange_s(5, 256 + 2) * TWENTY_KB / 256
    assert short == pytest.approx(2.19, abs=0.02)
    assert radio.exchange_s(5, 251 + 2) * TWENTY_KB / 251 < 0.96 * short
    assert radio.exchange_s(5, 254) > radio.exchange_s(5, 253) + 0.0005


def test_long_commands_are_chained_too():
    radio = Radio(106)
    assert radio.exchange_s(300, 2) > radio.exchange_s(253, 2) + 47 * 10 * 128 / 13_560_000


def test_a_rate_the_card_does_not_name_is_refused():
    with pytest.raises(ValueError, match="847"):
        Radio(847)
