"""The tray's server and client, before a stand-in that speaks vpcd's protocol."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from board.sim.card.radio import Radio
from board.sim.card.server import LINE_CAP, TrayRefused, TrayServer
from board.sim.card.trace import Trace
from board.sim.card.tray import Tray

JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
SURFACE = bytes.fromhex("00A4040C0AD3921000310001010402")
READ_CERTIFICATE = bytes.fromhex("00B08A00000000")
READ_LABEL = bytes.fromhex("00B0860020")


class Vpcd:
    """The reader's side of the protocol: whoever connects is the card."""

    def __init__(self) -> None:
        self._cards: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._cards.put_nowait((reader, writer))

    async def card(self) -> "CardLine":
        return CardLine(*await asyncio.wait_for(self._cards.get(), 5))


class CardLine:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def order(self, payload: bytes) -> None:
        """Length and payload apart, as Debian's vpcd sends them."""
        self._writer.write(len(payload).to_bytes(2, "big"))
        self._writer.write(payload)

    async def ask(self, payload: bytes) -> bytes:
        self.order(payload)
        return await self.answer()

    async def answer(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(2), "big")
        return await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def tray_before_vpcd(
    folder: Path, cards: Path, kbit_s: int | None = None, *, select_ends_security: bool = False
) -> AsyncIterator[tuple[Tray, Vpcd, list[str]]]:
    vpcd, lines = Vpcd(), list[str]()
    listening = await asyncio.start_server(vpcd.arrived, "127.0.0.1", 0)
    server = TrayServer(
        listening.sockets[0].getsockname(),
        cards,
        Trace(lines.append),
        kbit_s=kbit_s,
        select_ends_security=select_ends_security,
    )
    control = await asyncio.start_unix_server(server.control, folder / "tray", limit=LINE_CAP)
    async with listening, control:
        yield Tray(folder / "tray"), vpcd, lines
        await server.lift()


async def test_placed_card_tells_its_atr_and_answers_commands(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, lines):
        placed = await tray.place("adult")
        line = await vpcd.card()
        assert (placed.card, placed.commands) == ("adult", 0)
        line.order(b"\x01")
        assert (await line.ask(b"\x04")).hex() == "3b888001000005e0b381a1007f"
        assert await line.ask(JPKI) == b"\x90\x00"
        assert (await tray.status()).commands == 1
        assert (await tray.lift()).card is None
        with pytest.raises(asyncio.IncompleteReadError):
            await line.ask(READ_LABEL)
        assert [event.split(" ", 1)[1] for event in lines if "->" not in event] == [
            "placed adult",
            "power on",
            "power off",
            "lifted",
        ]


async def test_card_is_pulled_in_the_middle_of_what_it_says(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await line.ask(JPKI)
        await tray.lift_after_bytes(40)
        assert len(await line.ask(READ_LABEL)) == 34
        with pytest.raises(asyncio.IncompleteReadError):
            await line.ask(READ_LABEL)
        assert (await tray.status()).card is None


async def test_card_is_pulled_at_the_second_command_of_a_kind(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await tray.lift_after_commands(2, ins=0xB0)
        await line.ask(JPKI)
        await line.ask(READ_LABEL)
        await line.ask(JPKI)
        with pytest.raises(asyncio.IncompleteReadError):
            await line.ask(READ_LABEL)
        assert (await tray.status()).commands == 3


async def test_card_returns_to_a_reader_that_was_away_and_lost_its_power(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await line.ask(JPKI)
        line.close()
        line = await vpcd.card()
        assert (await line.ask(READ_LABEL))[-2:].hex() == "6985"
        assert (await tray.status()).card == "adult"


async def test_tray_refuses_what_cannot_be(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, _, _):
        with pytest.raises(TrayRefused, match="no card"):
            await tray.place("nobody")
        await tray.place(str(cards / "pin_person"))
        with pytest.raises(TrayRefused, match="lies on the tray"):
            await tray.place("adult")
        assert (await tray.status()).card == "pin_person"
        await tray.lift()
        assert (await tray.lift()).card is None


@pytest.mark.parametrize("order", [b"{}", b"[]", b"x", b'{"do": "dance"}', b'{"do": "lift_after", "commands": "x"}'])
async def test_order_that_makes_no_sense_is_answered_with_an_error(tmp_path, cards, order):
    async with tray_before_vpcd(tmp_path, cards):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "tray")
        writer.write(order + b"\n")
        assert b'"ok": false' in await asyncio.wait_for(reader.readline(), 5)
        writer.close()


async def test_endless_order_is_cut_off(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "tray")
        writer.write(b"x" * 3 * LINE_CAP)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize(
    ("persona", "kbit_s", "rate"), [("adult", 424, 424), ("adult", 106, 106), ("slow", None, 106), ("slow", 424, 106)]
)
async def test_answers_come_no_sooner_than_the_radio_brings_them_and_the_card_says_what_it_took(
    tmp_path, cards, persona, kbit_s, rate
):
    async with tray_before_vpcd(tmp_path, cards, kbit_s) as (tray, vpcd, _):
        await tray.place(persona)
        line = await vpcd.card()
        await line.ask(JPKI)
        before = (await tray.status()).busy_ms
        since = time.perf_counter()
        answer = await line.ask(READ_CERTIFICATE)
        took = time.perf_counter() - since
        on_air = Radio(rate).exchange_s(len(READ_CERTIFICATE), len(answer))
        assert len(answer) > 1000
        assert on_air <= took
        assert on_air <= ((await tray.status()).busy_ms - before) / 1000 <= took


@pytest.mark.parametrize(("ends", "signed"), [(False, "9000"), (True, "6982")])
async def test_whether_another_application_ends_what_was_verified_is_a_matter_of_the_tray(
    tmp_path, cards, ends, signed
):
    async with tray_before_vpcd(tmp_path, cards, select_ends_security=ends) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await line.ask(JPKI)
        assert await line.ask(bytes.fromhex("0020009804") + b"1234") == b"\x90\x00"
        await line.ask(SURFACE)
        await line.ask(JPKI)
        assert (await line.ask(bytes.fromhex("802A009702AABB00")))[-2:].hex() == signed


async def test_the_time_of_one_card_is_not_counted_for_the_next(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards, 106) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await line.ask(JPKI)
        assert (await tray.lift()).busy_ms > 0
        assert (await tray.place("child")).busy_ms == 0


async def test_a_slow_card_takes_its_time_over_a_signature(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        await tray.place("slow")
        line = await vpcd.card()
        await line.ask(JPKI)
        await line.ask(bytes.fromhex("0020009804") + b"0228")
        since = time.perf_counter()
        assert (await line.ask(bytes.fromhex("802A009702AABB00")))[-2:] == b"\x90\x00"
        assert time.perf_counter() - since >= 0.6


async def test_a_card_struck_dumb_lies_there_until_it_is_lifted(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        await tray.place("adult")
        line = await vpcd.card()
        await tray.mute_after_commands(2)
        assert await line.ask(JPKI) == b"\x90\x00"
        asked = asyncio.create_task(line.ask(READ_LABEL))
        assert not (await asyncio.wait({asked}, timeout=0.3))[0]
        assert (await tray.status()).card == "adult"
        await tray.lift()
        with pytest.raises(asyncio.IncompleteReadError):
            await asked


async def test_the_card_that_slips_away_does_so_in_its_photo_every_time(tmp_path, cards):
    async with tray_before_vpcd(tmp_path, cards) as (tray, vpcd, _):
        for _ in range(2):
            await tray.place("slips_away")
            line = await vpcd.card()
            await line.ask(SURFACE)
            await line.ask(bytes.fromhex("002000920E") + b"02091920336000")
            with pytest.raises(asyncio.IncompleteReadError):
                await line.ask(bytes.fromhex("00B08200000000"))
            assert (await tray.status()).card is None
