"""`python -m firmware card read`, as a technician runs it: through the real pcscd, on our cards and on a stranger's."""

import asyncio
import os
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from card_bench import presented
from cryptography import x509

from board.sim.card.applications import NUMBER_B, SURFACE_AID
from board.sim.card.authority import Authority
from board.sim.card.data import COUNTERS
from board.sim.card.files import Counters
from board.sim.card.vpcd import PORT
from firmware.card.atr import Radio, radio_of
from firmware.card.watched import masked

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENCE_S = 30


class Ran:
    """A run of the command that has ended."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text

    def line(self, name: str) -> str:
        """What was told of one step."""
        (line,) = [line for line in self.text.splitlines() if f" ms  {name}" in line]
        return line


async def card_read(*options: object, typed: str = "") -> Ran:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware", "card", "read", *map(str, options)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # number B is asked for on the terminal where there is one
    )
    told, _ = await asyncio.wait_for(process.communicate(typed.encode()), PATIENCE_S)
    assert process.returncode is not None
    return Ran(process.returncode, told.decode())


async def test_every_step_is_told_with_its_time_and_nothing_of_the_holder(rig, persona, issued):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    ran = await card_read("--authority", issued.cards.parent / "authority")
    assert ran.status == 0
    assert "106, 212, 424 kbit/s" in ran.line("カード / card")
    assert "plastic card" in ran.line("公的個人認証AP / JPKI")
    assert "残り 3 回" in ran.line("暗証番号 / PIN")
    assert "RSA-2048" in ran.line("電子証明書") and "issuer believed" in ran.line("電子証明書")
    assert "残り 10 回" in ran.line("照合番号B / number B")
    assert "信用できます / believed" in ran.line("券面の発行者")
    assert all(re.match(r" *[\d.]+ ms  ", line) for line in ran.text.splitlines()[1:])
    certificate = x509.load_der_x509_certificate((holder.folder / "auth_cert.der").read_bytes())
    (common_name,) = [name.value for name in certificate.subject if name.rfc4514_attribute_name == "CN"]
    last_day = certificate.not_valid_after_utc
    dates = (
        f"{last_day:%Y-%m-%d}",
        f"{last_day:%Y%m%d}",
        f"{last_day:%m-%d}",
        str((last_day - datetime.now(UTC)).days),
    )
    for personal in (str(common_name), f"{certificate.serial_number:x}", holder.number_b, "19800217", *dates):
        assert personal.lower() not in ran.text.lower()


async def test_no_try_of_any_pin_is_spent(rig, persona):
    folder = persona("adult").folder
    await rig.tray.place(str(folder))
    assert (await card_read()).status == 0
    assert not presented(rig.trace_file.read_text("utf-8").splitlines())
    assert not (folder / "counters.json").exists()


@pytest.mark.parametrize(
    ("name", "status", "step", "told"),
    [
        ("not_my_number_card", 1, "公的個人認証AP / JPKI", "this card has none"),
        ("damaged", 1, "電子証明書", "× read 000A: 6581 メモリの故障"),
        ("pin_locked", 0, "暗証番号 / PIN", "locked"),
        ("expired_certificate", 0, "電子証明書", "期限切れ / ended"),
        ("ending_certificate", 0, "電子証明書", "3か月以内に期限切れ / ends within 3 months"),
        ("no_pin", 0, "暗証番号 / PIN", "none: a card for face authentication only"),
        ("next_generation", 0, "電子証明書", "ECDSA secp384r1, 有効 / valid"),
    ],
)
async def test_a_card_with_a_fault_is_read_as_far_as_it_goes(rig, persona, name, status, step, told):
    await rig.tray.place(str(persona(name).folder))
    ran = await card_read()
    assert told in ran.line(step)
    assert ran.status == status
    assert "in all" in ran.text


async def test_trace_shows_each_command_and_masks_what_verify_carries(rig, persona, tmp_path):
    holder = persona("adult")
    await rig.tray.place(str(holder.folder))
    ran = await card_read("--trace", "--photo", tmp_path / "photo.jp2", typed=f"photo\n{holder.number_b}\n")
    assert "> 00A4040C0AD392F000260100000001  < 9000 成功 / success +0" in ran.text
    assert "> 00200092**  < 9000" in ran.text
    assert holder.number_b not in ran.text and holder.number_b.encode().hex() not in ran.text.lower()
    assert masked(bytes.fromhex("002000800431323334")) == "00200080**"
    assert masked(bytes.fromhex("00200080")) == "00200080"


async def test_photo_leaves_the_card_only_after_the_word_was_typed(rig, persona, issued, tmp_path):
    holder, file = persona("adult"), tmp_path / "photo.jp2"
    await rig.tray.place(str(holder.folder))
    options = ("--authority", issued.cards.parent / "authority", "--photo", file)
    refused = await card_read(*options, typed=f"yes\n{holder.number_b}\n")
    assert (refused.status, file.exists()) == (1, False)
    assert not presented(rig.trace_file.read_text("utf-8").splitlines())
    agreed = await card_read(*options, typed=f"photo\n{holder.number_b}\n")
    assert agreed.status == 0
    assert "photo and card are genuine" in agreed.line("写真 / photo")
    assert file.read_bytes()[4:8] == b"jP  "
    assert file.stat().st_mode & 0o777 == 0o600
    again = await card_read(*options)
    assert again.status == 1 and "exists already" in again.text


@pytest.mark.parametrize(("typed", "told"), [("0" * 14, "残り 9 回"), ("123", "nothing was sent")])
async def test_a_wrong_number_b_is_told_with_the_tries_left_and_no_file(rig, persona, tmp_path, typed, told):
    await rig.tray.place(str(persona("adult").folder))
    ran = await card_read("--photo", tmp_path / "photo.jp2", typed=f"photo\n{typed}\n")
    assert told in ran.line("写真 / photo")
    assert ran.status == 1
    assert not (tmp_path / "photo.jp2").exists()


async def test_a_card_lifted_in_the_middle_is_told_and_ends(rig, persona):
    await rig.tray.place(str(persona("adult").folder))
    await rig.tray.lift_after_commands(5)
    ran = await card_read()
    assert ran.status == 1
    assert (
        ran.text.splitlines()[-1]
        == "× カードが離れました。もう一度置いてください / the card was lifted: place it again"
    )


async def test_a_card_that_falls_silent_is_told_and_keeps_nobody(rig, persona):
    await rig.tray.place(str(persona("adult").folder))
    await rig.tray.mute_after_commands(3)
    ran = await card_read()
    await rig.tray.lift()
    assert ran.status == 1
    assert ran.text.splitlines()[-1].endswith("the card answers no more: place it again")


async def test_number_b_with_few_tries_left_is_not_sent(rig, persona, tmp_path):
    holder = persona("adult")
    Counters(holder.folder / COUNTERS).set(SURFACE_AID, NUMBER_B, 3)
    await rig.tray.place(str(holder.folder))
    ran = await card_read("--photo", tmp_path / "photo.jp2", typed=f"photo\n{holder.number_b}\n")
    assert "not sent: only 3 tries left" in ran.line("写真 / photo")
    assert not presented(rig.trace_file.read_text("utf-8").splitlines())


async def test_an_issuer_that_nobody_vouches_for_is_not_called_known(rig, persona, issued, tmp_path):
    await rig.tray.place(str(persona("adult").folder))
    authority = tmp_path / "authority"
    shutil.copytree(issued.cards.parent / "authority", authority)
    Authority.create().save(tmp_path / "another")
    shutil.copy(tmp_path / "another" / "cv_ca.json", authority)
    ran = await card_read("--authority", authority)
    assert "not believed: issuer_forged" in ran.line("券面の発行者")
    assert ran.status == 1


async def test_a_card_that_another_program_holds_is_told(rig, reader, persona):
    await rig.tray.place(str(persona("adult").folder))
    await reader.inserted()
    session = await reader.connect()
    ran = await card_read()
    session.close()
    assert ran.status == 1
    assert ran.text.strip() == "kiosk-reader: the card cannot be read: another program uses the card"


async def test_extended_apdus_are_used_where_asked_for_and_told_of_otherwise(rig, persona):
    await rig.tray.place(str(persona("adult").folder))
    assert "--extended tries" in (await card_read()).line("拡張APDU")
    assert "in use" in (await card_read("--extended")).line("拡張APDU")


async def test_a_card_that_somebody_else_has_made_is_read_too(rig, persona):
    program = Path(__file__).with_name("strange_card.py")
    certificate = persona("adult").folder / "auth_cert.der"
    card = await rig.daemon.start_card([sys.executable, str(program), str(PORT + 1), str(certificate)])
    try:
        short, extended = await card_read("--reader", "00 01"), await card_read("--reader", "00 01", "--extended")
    finally:
        card.terminate()
        await card.wait()
    for ran in (short, extended):
        assert "plastic card" in ran.line("公的個人認証AP / JPKI")
        assert "残り 2 回" in ran.line("暗証番号 / PIN")
        assert "RSA-2048" in ran.line("電子証明書")
        assert "this card has none" in ran.line("券面事項確認AP")
        assert ran.status == 1  # no visit can be served with it
    assert "--extended tries" in short.line("拡張APDU")
    assert "the card refuses them" in extended.line("拡張APDU")


async def test_without_a_reader_of_that_name_the_command_says_so(rig):
    ran = await card_read("--reader", "no such")
    assert ran.status == 1
    there = "Virtual PCD 00 00, Virtual PCD 00 01"
    assert ran.text.strip() == f"kiosk-reader: no card reader 'no such' is attached; there is {there}"


async def test_radio_of_a_type_b_card_is_told_by_its_atr_and_of_others_not():
    assert radio_of(bytes.fromhex("3B888001000005E0B381A1007F")) == Radio((106, 212, 424), 256, 309)
    assert radio_of(bytes.fromhex("3B8880010000000000818100FF")) == Radio((106,), 256, 77)
    assert radio_of(bytes.fromhex("3BFF1100FF8131FE4D")) is None
