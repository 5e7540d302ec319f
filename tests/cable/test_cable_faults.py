"""Each fault of the virtual cable strikes once, where it was told to, and is counted when it has."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from board.demo.cable import Cable

WAIT_S = 5.0
SEED = 7
SENT = bytes(range(200))


class Ends:
    """Both ends, open and raw."""

    def __init__(self, cable: Cable) -> None:
        self.cable = cable
        self.files: dict[str, int] = {}
        self.open()

    def open(self) -> None:
        self.close()
        for name, end in (("reader", self.cable.reader), ("terminal", self.cable.terminal)):
            self.files[name] = os.open(end, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.files[name])

    def close(self) -> None:
        for descriptor in self.files.values():
            os.close(descriptor)

    async def pass_(self, sender: str, data: bytes) -> None:
        """Write all of it at once, and wait until the relay has had it."""
        before = await self.passed()
        os.write(self.files[sender], data)
        while await self.passed() == before:
            pass

    async def passed(self) -> int:
        status = await self.cable.status()
        return int(status["to_terminal"] + status["to_reader"])

    async def read(self, end: str, count: int) -> bytes:
        data = b""
        async with asyncio.timeout(WAIT_S):
            while len(data) < count:
                data += await asyncio.to_thread(os.read, self.files[end], count - len(data))
        return data

    def unread(self, end: str) -> bytes:
        os.set_blocking(self.files[end], False)
        try:
            return os.read(self.files[end], 4096)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self.files[end], True)

    async def faults(self) -> dict[str, Any]:
        faults: dict[str, Any] = (await self.cable.status())["faults"]
        return faults


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    async with Cable(tmp_path / "cable", SEED) as cable:
        ends = Ends(cable)
        yield ends
        ends.close()


OTHER = {"reader": "terminal", "terminal": "reader"}
ENDS = pytest.mark.parametrize("towards", ["reader", "terminal"])


async def arrived(ends: Ends, towards: str) -> bytes:
    """What became of SENT; a mark behind it tells when all of it has come."""
    await ends.pass_(OTHER[towards], SENT)
    await ends.pass_(OTHER[towards], b"END")
    data = b""
    while not data.endswith(b"END"):
        data += await ends.read(towards, 1)
    return data[:-3]


@ENDS
async def test_a_flip_changes_one_to_three_bits_once(ends: Ends, towards: str) -> None:
    await ends.cable.fault("flip", towards, after=150)
    assert await ends.faults() == {}
    changed = await arrived(ends, towards)
    assert len(changed) == len(SENT)
    assert changed[:150] == SENT[:150]
    assert 1 <= sum((a ^ b).bit_count() for a, b in zip(changed, SENT, strict=True)) <= 3
    assert await arrived(ends, towards) == SENT
    assert await ends.faults() == {"flip": 1}


@ENDS
async def test_a_drop_loses_one_piece_once(ends: Ends, towards: str) -> None:
    await ends.cable.fault("drop", towards, after=100)
    left = await arrived(ends, towards)
    lost = len(SENT) - len(left)
    assert 1 <= lost <= 64
    assert any(left == SENT[:at] + SENT[at + lost :] for at in range(100, len(SENT)))
    assert await arrived(ends, towards) == SENT
    assert await ends.faults() == {"drop": 1}


@ENDS
async def test_a_duplicate_passes_one_piece_twice(ends: Ends, towards: str) -> None:
    await ends.cable.fault("duplicate", towards)
    more = await arrived(ends, towards)
    twice = len(more) - len(SENT)
    assert 1 <= twice <= 64
    assert any(more == SENT[:at] + SENT[at - twice :] for at in range(twice, len(SENT) + 1))
    assert await arrived(ends, towards) == SENT
    assert await ends.faults() == {"duplicate": 1}


@ENDS
async def test_a_reflection_comes_back_to_its_sender(ends: Ends, towards: str) -> None:
    await ends.cable.fault("reflect", towards)
    assert await arrived(ends, towards) == SENT
    back = await ends.read(OTHER[towards], 1)
    back += ends.unread(OTHER[towards])
    assert 1 <= len(back) <= 64
    assert back in SENT
    assert await arrived(ends, towards) == SENT
    assert ends.unread(OTHER[towards]) == b""
    assert await ends.faults() == {"reflect": 1}


@ENDS
async def test_a_stall_holds_what_passes_for_its_time(ends: Ends, towards: str) -> None:
    await ends.cable.fault("stall", towards, ms=300)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await arrived(ends, towards) == SENT
    assert loop.time() - began > 0.29
    assert await arrived(ends, towards) == SENT
    assert await ends.faults() == {"stall": 1}


async def test_a_fault_waits_for_bytes_in_its_direction_and_place(ends: Ends) -> None:
    await ends.cable.fault("drop", "terminal", after=len(SENT) + len(b"END") + 4)
    assert await arrived(ends, "reader") == SENT
    assert await arrived(ends, "terminal") == SENT
    assert await ends.faults() == {}
    left = await arrived(ends, "terminal")
    assert left[:4] == SENT[:4]
    assert len(left) < len(SENT)
    assert await ends.faults() == {"drop": 1}


async def test_faults_of_several_kinds_strike_together(ends: Ends) -> None:
    for kind in ("flip", "drop", "duplicate", "reflect"):
        await ends.cable.fault(kind, "reader")
    assert await arrived(ends, "reader") != SENT
    assert await ends.faults() == {"flip": 1, "drop": 1, "duplicate": 1, "reflect": 1}


async def test_calm_takes_back_what_has_not_struck(ends: Ends) -> None:
    await ends.cable.fault("drop", "terminal")
    await ends.cable.flip_rate(1_000_000)
    await ends.cable.calm()
    assert await arrived(ends, "terminal") == SENT
    assert await ends.faults() == {}


async def test_a_rate_of_flips_hits_about_so_many_bytes_and_lasts(ends: Ends) -> None:
    await ends.cable.flip_rate(100_000)
    changed = 0
    for _ in range(20):
        await ends.pass_("reader", SENT)
        data = await ends.read("terminal", len(SENT))
        changed += sum(a != b for a, b in zip(data, SENT, strict=True))
    assert 200 < changed < 600  # 400 of 4,000 bytes, by chance
    assert await ends.faults() == {"flip": changed}


async def test_what_a_stall_holds_is_lost_in_an_unplug_which_is_counted_once(ends: Ends) -> None:
    await ends.cable.fault("stall", "terminal", ms=60_000)
    os.write(ends.files["reader"], SENT)
    while (await ends.faults()).get("stall") != 1:
        pass
    for _ in range(2):
        await ends.cable.unplug()
    await ends.cable.plug()
    ends.open()
    await ends.cable.fault("stall", "terminal", ms=10)
    assert await arrived(ends, "terminal") == SENT
    assert await ends.faults() == {"stall": 2, "unplug": 1}


async def test_the_same_seed_hits_the_same_bytes(tmp_path: Path) -> None:
    outcomes = set()
    for name in ("one", "two"):
        async with Cable(tmp_path / name, SEED) as cable:
            ends = Ends(cable)
            for kind in ("flip", "drop", "duplicate"):
                await cable.fault(kind, "terminal")
            outcomes.add(await arrived(ends, "terminal"))
            ends.close()
    assert len(outcomes) == 1


async def test_faults_that_nobody_knows_are_refused(ends: Ends) -> None:
    for arguments in (("explode", "reader"), ("flip", "nowhere"), ("flip", "reader", -1)):
        with pytest.raises(OSError):
            await ends.cable.fault(*arguments)
