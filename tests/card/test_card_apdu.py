"""Encoding of commands, reading of files, and what a faulty card may answer."""

import pytest
from card_bench import DirectSession
from hypothesis import given
from hypothesis import strategies as st

from board.contracts import CardFault
from board.sim.card.chip import VirtualCard
from board.sim.card.command import Received
from board.sim.card.data import CardData
from board.sim.card.files import Counters
from board.sim.card.trace import Trace
from firmware.card.apdu import Command, Ins, Response, exchange, meaning
from firmware.card.face_ap import CardSurfaceAp
from firmware.card.jpki import Jpki, PinAbsent, PinBlocked, PinOk, PinReady
from firmware.card.medium import CardDamaged, Medium, NotMyNumberCard

LABEL = b"JPKIAPICCTOKEN".hex()


class Scripted:
    """A card that answers what it is told to. Implements CardSession."""

    def __init__(self, *answers: str, extended: bool = False) -> None:
        self.atr = b""
        self.extended = extended
        self.sent: list[bytes] = []
        self._answers = [bytes.fromhex(answer) for answer in answers]

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        return self._answers.pop(0)

    def close(self) -> None: ...


def jpki_on(*answers: str) -> Jpki:
    return Jpki(Scripted("9000", LABEL + "9000", *answers))


@given(st.binary(max_size=600), st.integers(0, 65536))
def test_every_command_comes_apart_into_what_was_put_together(data, le):
    command = Command(Ins.SELECT, 1, 2, data, le, cla=0x80)
    received = Received.parse(command.encode())
    assert (received.cla, received.ins, received.p1, received.p2) == (0x80, 0xA4, 1, 2)
    assert (received.data, received.le) == (data, le)


@pytest.mark.parametrize(
    ("data", "le", "encoded"),
    [
        (b"", 0, "00A40102"),
        (b"", 256, "00A4010200"),
        (b"\xaa", 0, "00A4010201AA"),
        (b"\xaa", 2, "00A4010201AA02"),
        (b"", 65536, "00A40102000000"),
        (b"\xaa", 257, "00A40102000001AA0101"),
    ],
)
def test_the_seven_cases_of_the_standard(data, le, encoded):
    assert Command(Ins.SELECT, 1, 2, data, le).encode().hex().upper() == encoded


def test_command_that_no_apdu_holds_is_refused():
    with pytest.raises(ValueError, match="no APDU"):
        Command(Ins.SELECT, 0, 0, bytes(65536)).encode()


def test_command_and_response_are_represented_without_their_data():
    assert "1234" not in repr(Command(Ins.VERIFY, 0, 0x80, b"1234"))
    assert "secret" not in repr(Response(b"secret", 0x9000))


@pytest.mark.parametrize("answer", ["", "90"])
def test_response_without_status_word_is_a_fault(answer):
    with pytest.raises(CardFault):
        exchange(Scripted(answer), Command(Ins.SELECT, 0, 0))


def test_first_command_after_power_up_is_repeated_once_after_6f00():
    CardSurfaceAp(Scripted("6F00", "9000"))
    with pytest.raises(NotMyNumberCard):
        CardSurfaceAp(Scripted("6F00", "6F00"))


@pytest.mark.parametrize("start", ["3082", "", "30820FFD01", "308020"])
def test_file_that_says_more_than_the_cap_or_nothing_is_damage(start):
    with pytest.raises(CardDamaged):
        jpki_on(start + "9000", *["9000"] * 9).authentication_certificate()


def test_answer_longer_than_asked_for_is_damage():
    with pytest.raises(CardDamaged):
        jpki_on("30820100" + 300 * "01" + "9000").authentication_certificate()


def test_card_that_hands_out_a_file_byte_by_byte_is_damaged_not_waited_for():
    with pytest.raises(CardDamaged):
        jpki_on("30820300" + 200 * "01" + "9000", *["019000"] * 9).authentication_certificate()


def test_padding_after_the_certificate_is_not_part_of_it():
    assert jpki_on("3003010203" + 90 * "00" + "9000").authentication_certificate().hex() == "3003010203"


def test_card_without_short_file_identifiers_is_read_by_selecting_files():
    card = Scripted("9000", "6A86", "9000", LABEL + "6282", "6B00", "9000", "30030102036282")
    assert Jpki(card).authentication_certificate().hex() == "3003010203"
    assert [sent.hex() for sent in card.sent[-3:]] == ["00b08a00fb", "00a4020c02000a", "00b00000fb"]


def test_card_without_extended_length_is_read_in_short_pieces_and_asked_only_once():
    start, rest = "30820400" + 247 * "07" + "9000", ["08" * 251 + "9000"] * 3 + ["08" * 24 + "9000"]
    card = Scripted("9000", LABEL + "9000", start, "6700", *rest, start, *rest, extended=True)
    jpki = Jpki(card)
    assert len(jpki.authentication_certificate()) == len(jpki.authentication_certificate()) == 4 + 1024
    assert [len(sent) for sent in card.sent[2:]] == [5, 7, 5, 5, 5, 5, 5, 5, 5, 5, 5]


def test_response_in_parts_is_put_together_and_one_without_end_is_a_fault():
    read = Command(Ins.READ_BINARY, 0, 0, le=256)
    card = Scripted("010261FF", 64 * "03" + "6102", "04059000")
    assert exchange(card, read) == Response(bytes((1, 2, *[3] * 64, 4, 5)), 0x9000)
    assert [sent.hex() for sent in card.sent[1:]] == ["00c00000ff", "00c0000002"]
    with pytest.raises(CardFault, match="parts of 1 byte"):
        exchange(Scripted(*["006100"] * 3), read)
    endless = Scripted(*[30000 * "00" + "6100"] * 300)
    with pytest.raises(CardFault, match="90000 bytes"):
        exchange(endless, read)
    assert len(endless.sent) == 3


def test_card_that_names_the_right_length_is_asked_again_but_never_verify():
    card = Scripted("6C05", "01020304059000")
    assert exchange(card, Command(Ins.READ_BINARY, 0, 0, le=251)) == Response(bytes((1, 2, 3, 4, 5)), 0x9000)
    card = Scripted("6C04")
    assert exchange(card, Command(Ins.VERIFY, 0, 0x80, b"1234")).sw == 0x6C04
    assert len(card.sent) == 1


@pytest.mark.parametrize(
    ("sw", "words"),
    [
        (0x9000, "9000 成功 / success"),
        (0x63C2, "63C2 照合の残り回数 2 / tries left"),
        (0x6982, "6982 照合が必要 / something must be verified first"),
        (0x1234, "1234"),
    ],
)
def test_status_words_have_a_meaning_for_people(sw, words):
    assert meaning(sw) == words


def test_verify_answered_with_an_unknown_status_is_damage_not_success():
    with pytest.raises(CardDamaged) as damaged:
        jpki_on("9000", "6A80").verify_pin(bytearray(b"1234"))
    assert (damaged.value.step, damaged.value.sw) == ("verify 0018", 0x6A80)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("63C0", PinBlocked()),
        ("6983", PinBlocked()),
        ("6984", PinAbsent()),
        ("6A88", PinAbsent()),
        ("63C1", PinReady(1)),
        ("9000", PinReady(3)),
    ],
)
def test_how_the_pin_stands_is_told_without_presenting_one(status, state):
    card = Scripted("9000", LABEL + "9000", status, "9000", status)
    assert Jpki(card).pin_state() == state
    assert card.sent[2].hex() == "00200098"
    card = Scripted("9000", LABEL + "9000", "6A86", "9000", status)  # knows no short file identifiers
    assert Jpki(card).pin_state() == state
    assert [sent.hex() for sent in card.sent[3:]] == ["00a4020c020018", "00200080"]


def test_a_card_without_the_file_of_the_pin_has_no_pin():
    assert jpki_on("6A82", "6A82").pin_state() == PinAbsent()
    with pytest.raises(CardDamaged):
        jpki_on("6A86", "6985").pin_state()


def test_a_pin_is_presented_as_the_question_for_it_was_understood_and_never_twice():
    answers = ("9000", LABEL + "9000")
    card = Scripted(*answers, "63C3", "9000")
    jpki = Jpki(card)
    jpki.pin_state()
    assert jpki.verify_pin(bytearray(b"1234")) == PinOk()
    assert card.sent[-1][:4].hex() == "00200098"
    card = Scripted(*answers, "6B00", "9000", "63C3", "9000", "6F00")
    jpki = Jpki(card)
    jpki.pin_state()
    with pytest.raises(CardDamaged):
        jpki.verify_pin(bytearray(b"1234"))
    assert [sent[:4].hex() for sent in card.sent[-2:]] == ["00a4020c", "00200080"]


def test_card_that_names_no_keys_by_short_file_identifier_signs_by_selecting_the_key():
    card = Scripted("9000", LABEL + "9000", "6A86", "9000", "0102039000")
    assert Jpki(card).sign(b"what").hex() == "010203"
    assert [sent[:4].hex() for sent in card.sent[2:]] == ["802a0097", "00a4020c", "802a0080"]


def test_pin_counter_that_cannot_be_understood_is_damage():
    with pytest.raises(CardDamaged):
        jpki_on("6300", "9000", "6300").pin_state()


@pytest.mark.parametrize("status", ["6983", "6984", "63C0"])
def test_every_word_for_a_blocked_pin_means_blocked(status):
    assert jpki_on("9000", status).verify_pin(bytearray(b"1234")) == PinBlocked()


def test_reader_with_extended_length_reads_the_photo_in_one_piece(issued, persona):
    holder = persona("adult")
    card = VirtualCard(CardData.load(holder.folder), Counters(), Trace(lambda line: None))
    read = {}
    for extended in (False, True):
        ap = CardSurfaceAp(DirectSession(card, extended=extended))
        ap.verify_number_b(holder.number_b)
        before = card.commands
        surface = ap.surface()
        read[extended] = (surface.photo, card.commands - before)
    assert read[True][0] == read[False][0]
    assert read[True][1] == 2
    assert read[False][1] > 20


@pytest.mark.parametrize("label", [b"JPKIAPGPSETOKEN", b"JPKIAPIOSTOKEN", b"\xff" * 14])
def test_smartphone_or_unknown_bearer_is_no_my_number_card(label):
    answers = ("9000", label.hex() + "9000")
    with pytest.raises(NotMyNumberCard):
        Jpki(Scripted(*answers))
    assert Jpki(Scripted(*answers), media=tuple(Medium)).medium is Medium.of(label)


def test_pin_wiped_between_check_and_command_is_sent_as_it_was_checked():
    class Wiped(bytearray):
        """Its owner has stopped waiting for the call, and wipes it as soon as it was looked at."""

        def isdigit(self) -> bool:
            digits = super().isdigit()
            self[:] = bytes(4)
            return digits

    card = Scripted("9000", LABEL + "9000", "9000", "9000")
    assert Jpki(card).verify_pin(Wiped(b"1234")) == PinOk()
    assert card.sent[-1].endswith(b"1234")
