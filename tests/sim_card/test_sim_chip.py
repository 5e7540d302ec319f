"""The virtual chip's manners, command by command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.sim.card.applications import AUTHENTICATION_PIN, JPKI_AID
from board.sim.card.chip import VirtualCard
from board.sim.card.command import Status
from board.sim.card.data import CardData
from board.sim.card.files import Counters
from board.sim.card.trace import Trace, masked

JPKI = "00A4040C0AD392F000260100000001"
SURFACE = "00A4040C0AD3921000310001010402"
PIN_OK = "00200098" + "04" + b"1234".hex()
PIN_WRONG = "00200098" + "04" + b"0000".hex()
SIGN = "802A0097" + "01" + "AA" + "00"


def say(card: VirtualCard, *commands: str) -> list[str]:
    """Status words, in hexadecimal."""
    return [card.transmit(bytes.fromhex(command))[-2:].hex().upper() for command in commands]


def test_verified_pin_survives_reset_and_ends_with_the_power(chip):
    assert say(chip, JPKI, PIN_OK, SIGN) == ["9000", "9000", "9000"]
    chip.reset()
    assert say(chip, JPKI, SIGN) == ["9000", "9000"]
    chip.power_off()
    chip.power_on()
    assert say(chip, JPKI, SIGN) == ["9000", "6982"]


@pytest.mark.parametrize(("ends", "status"), [(False, "9000"), (True, "6982")])
def test_whether_another_application_ends_the_verified_pin_is_an_option(cards, ends, status):
    data = CardData.load(cards / "adult")
    card = VirtualCard(data, Counters(), Trace(lambda line: None), select_ends_security=ends)
    assert say(card, JPKI, PIN_OK, SURFACE, JPKI, SIGN)[-1] == status


def test_pins_count_apart_and_a_blocked_one_says_6984(chip):
    assert say(chip, JPKI, PIN_WRONG, PIN_WRONG, PIN_WRONG, PIN_OK) == ["9000", "63C2", "63C1", "63C0", "6984"]
    assert say(chip, "00200098", "0020009B") == ["63C0", "63C5"]


def test_try_is_spent_before_the_answer_is_out(fresh):
    folder = fresh("adult")
    chip = VirtualCard(CardData.load(folder), Counters(folder / "counters.json"), Trace(lambda line: None))
    say(chip, JPKI, PIN_WRONG)
    assert Counters(folder / "counters.json").left(JPKI_AID, AUTHENTICATION_PIN, 3) == 2


def test_wrong_pin_ends_what_the_right_one_opened(chip):
    assert say(chip, JPKI, PIN_OK, PIN_WRONG, SIGN) == ["9000", "9000", "63C2", "6982"]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("00A4040C05A000000001", "6A82"),
        ("00A40000023F00", "6A82"),
        ("00A4020C021234", "6A82"),
        ("00A4020C03001800", "6700"),
        ("00A4080C021234", "6A86"),
        ("00FF0000", "6D00"),
        ("0CA4040C", "6E00"),
        ("00A404", "6700"),
        ("00B0000005AABB", "6700"),
        ("00B00000", "6986"),
        ("00B0860000", "9000"),
        ("00B0860000FFFF", "6282"),
        ("00B0860000FF", "6700"),
        ("00B086A001", "6B00"),
        ("00B0869F05", "6282"),
        ("00B0980001", "6981"),
        ("802A01970100", "6A86"),
        ("002A00970100", "6D00"),
    ],
)
def test_command_in_the_jpki_application_gets_its_status_word(chip, command, status):
    assert say(chip, JPKI, command)[-1] == status


def test_nothing_but_select_works_before_an_application_is_selected(chip):
    assert say(chip, "00A4020C020018", "00B0860000", PIN_OK, SIGN) == ["6985"] * 4


def test_signature_takes_at_most_245_bytes(chip):
    assert say(chip, SURFACE, "802A0000" + "F5" + "30" * 245 + "00") == ["9000", "9000"]
    assert say(chip, "802A0000" + "F6" + "30" * 246 + "00") == ["6700"]


def test_number_a_opens_nothing_and_every_touch_is_counted(chip, lines):
    number_a = "00200093" + "0C" + b"1".hex() * 12
    assert say(chip, SURFACE, "00A4020C020005", "00B0000000", number_a) == ["9000", "9000", "6982", "63C9"]
    assert chip.forbidden == 3
    assert len([line for line in lines if line.endswith("FORBIDDEN")]) == 3


def test_untouched_card_counts_nothing_forbidden(chip):
    say(chip, JPKI, PIN_OK, SIGN, SURFACE, "00A4020C020002", "00B0840000", "00200092")
    assert chip.forbidden == 0


def test_trace_has_words_but_neither_pin_nor_content(chip, lines):
    say(chip, JPKI, PIN_OK, PIN_WRONG, "00B08A0000")
    assert lines[-1].endswith("00B08A0000 -> 9000 +256  公的個人認証AP / authentication certificate")
    assert not [line for line in lines if b"1234".hex() in line or b"0000".hex() in line]


@pytest.mark.parametrize("command", ["00200080", "0C200080", "80240080", "002C0080", "00210080"])
@pytest.mark.parametrize("body", ["0431323334", "0000043132333400", "31323334"])
def test_secrets_are_masked_in_every_form(command, body):
    assert masked(bytes.fromhex(command + body)) == command + "**"


@given(st.binary(max_size=40))
def test_any_bytes_get_a_status_word(cards_in_memory, command):
    card = VirtualCard(cards_in_memory, Counters(), Trace(lambda line: None))
    assert is_status_word(card.transmit(command)[-2:])


@given(st.lists(st.binary(min_size=4, max_size=12), max_size=8))
def test_no_sequence_of_commands_upsets_the_chip(cards_in_memory, commands):
    card = VirtualCard(cards_in_memory, Counters(), Trace(lambda line: None))
    assert say(card, JPKI) == ["9000"]
    for command in commands:
        assert is_status_word(card.transmit(command)[-2:])
    assert say(card, JPKI) == ["9000"]


def is_status_word(answer: bytes) -> bool:
    """Whether it is one of those that this card answers with, tries left included."""
    sw = int.from_bytes(answer, "big")
    return len(answer) == 2 and (sw in set(Status) or sw & 0xFFF0 == Status.VERIFICATION_FAILED)


@pytest.fixture(scope="session")
def cards_in_memory(cards):
    return CardData.load(cards / "adult")
