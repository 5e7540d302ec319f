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
from firmware.card.apdu import Command, Ins, Response, exchange
from firmware.card.face_ap import CardSurfaceAp
from firmware.card.jpki import Jpki, PinOk
from firmware.card.medium import CardDamaged, NotMyNumberCard

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
    return Jpki(Scripted("9000", "9000", LABEL + "9000", *answers))


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


@pytest.mark.parametrize("answers", [("9000", "30829000", "9000"), ("9000", "9000"), ("9000", "30821000019000")])
def test_file_that_says_more_than_the_cap_or_nothing_is_damage(answers):
    with pytest.raises(CardDamaged):
        jpki_on(*answers, *["9000"] * 9).authentication_certificate()


def test_answer_longer_than_asked_for_is_damage():
    with pytest.raises(CardDamaged):
        jpki_on("9000", "3082000201029000").authentication_certificate()


def test_verify_answered_with_an_unknown_status_is_damage_not_success():
    with pytest.raises(CardDamaged) as damaged:
        jpki_on("9000", "6A80").verify_pin(bytearray(b"1234"))
    assert (damaged.value.step, damaged.value.sw) == ("verify 0018", 0x6A80)


@pytest.mark.parametrize("status", ["6983", "6984", "63C0"])
def test_every_word_for_a_blocked_pin_means_no_tries(status):
    assert jpki_on("9000", status).pin_tries() == 0


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
    assert read[True][1] == 3
    assert read[False][1] > 20


@pytest.mark.parametrize("label", [b"JPKIAPGPSETOKEN", b"JPKIAPIOSTOKEN", b"\xff" * 14])
def test_smartphone_or_unknown_bearer_is_no_my_number_card(label):
    with pytest.raises(NotMyNumberCard):
        Jpki(Scripted("9000", "9000", label[:14].hex() + "9000"))


def test_pin_wiped_between_check_and_command_is_sent_as_it_was_checked():
    class Wiped(bytearray):
        """Its owner has stopped waiting for the call, and wipes it as soon as it was looked at."""

        def isdigit(self) -> bool:
            digits = super().isdigit()
            self[:] = bytes(4)
            return digits

    card = Scripted("9000", "9000", LABEL + "9000", "9000", "9000")
    assert Jpki(card).verify_pin(Wiped(b"1234")) == PinOk()
    assert card.sent[-1].endswith(b"1234")
