"""One lane of the soak: a reader, a cable and a bridge, everything that goes wrong with them, and what they left.

LANE/reader, LANE/bridge        their disks
LANE/reader.log, bridge.log     all that they said
LANE/told.jsonl, LANE/left/     the books, and what is compared with them (`soak_books`)
"""

import asyncio
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from soak_books import LEFT, Books
from soak_clock import WallClock
from soak_disk import Disk
from soak_ears import VISIT_EVENTS, Ears, write_failed
from soak_process import Keeper
from soak_schedule import HARSH_KINDS, Schedule

from board.demo.cable import Cable

HERE = Path(__file__).parent
PAIRED_AGO_S = int(19.9 * 86_400)
"""A jump of the clock then makes the reader's identity due for renewal, in the middle of it all."""
JUMP_S = 11 * 3600
FORGE_EVERY = 12
"""Kills of the reader, after one of which a hostile program takes its place for a while."""
STRIKE_S = 5.0
"""Longest wait for a fault to take effect; it is tried again then."""
DRAIN_S = 120.0
MOMENT_S = 1.5
"""Longest wait for such a moment."""
FILE, ANY_TIME = "file handed over", "any time"
BURST = 6
"""Most faults in a row; then there is a pause."""
PAUSE_S = (0.5, 3.0)
LINE_PAUSE_S = (0.0, 0.4)
AFTER_FULL_S = 5.0
"""A program that ends by itself so soon after its disk was full may have met that."""
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_DISK_MB = {"reader": 16, "bridge": 128}


class Lane:
    """Use `run` once."""

    def __init__(self, folder: Path, clock_library: Path, faults: Schedule, dice: Random) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.faults = faults
        self.struck: Counter[str] = Counter()
        self.books = Books(folder)
        self.finished = False
        self._dice = dice
        self._ears = Ears(self.books)
        self._disks = {side: Disk(folder / side, size) for side, size in _DISK_MB.items()}
        self._clock = WallClock(folder / "clock", clock_library, -PAIRED_AGO_S)
        world = [sys.executable, str(HERE / "soak_world.py"), str(folder)]
        subprocess.run(world, env={**os.environ, **self._clock.environment}, check=True)
        self._clock.jump(0)
        self._cable = Cable(folder / "cable", dice.randrange(1 << 32))
        self._full_at = dict.fromkeys(_DISK_MB, -AFTER_FULL_S)
        reader = [sys.executable, str(HERE / "soak_reader.py"), str(folder)]
        bridge = [sys.executable, "-m", "host_bridge", "run", "--config", str(folder / "bridge" / "bridge.toml")]
        self._keepers = {
            "reader": Keeper(folder / "reader.log", partial(self._heard, "reader"), reader, {}),
            "bridge": Keeper(folder / "bridge.log", partial(self._heard, "bridge"), bridge, self._clock.environment),
        }
        self._face = folder / "bridge" / "face"
        self._taken: list[str] = []
        self._notes: dict[str, str] = {}
        self._reader_kills = 0

    async def run(self) -> None:
        """All faults, then peace until everything has arrived, then a clean stop. Raises RuntimeError."""
        async with self._cable, self._receipt_computer():
            try:
                for keeper in self._keepers.values():
                    keeper.start()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._strike(self.faults.line))
                    group.create_task(self._strike(self.faults.harsh))
                await self._drain()
            finally:
                await asyncio.gather(*(keeper.stop() for keeper in self._keepers.values()))
        self._keep_what_is_left()
        self.books.close()
        self.finished = True

    def _heard(self, side: str, event: str, facts: dict[str, Any], at: float) -> None:
        if event == "ended" and at - self._full_at[side] > AFTER_FULL_S:
            self.books.tell("ended", at, side=side, why=f"status {facts['status']}")
        elif event == "journal_damaged" or str(facts.get("reason")) in DAMAGED:
            self.books.tell("ended", at, side=side, why=f"{event}: {facts['reason']}")
        self._ears.heard(side, event, facts, at)

    async def _strike(self, kinds: tuple[str, ...]) -> None:
        """One fault after the other; one that had no effect is tried again."""
        harsh: dict[str, Callable[[], Awaitable[bool]]] = {
            "unplug": self._unplug,
            "kill_reader": partial(self._kill, "reader"),
            "kill_bridge": partial(self._kill, "bridge"),
            "disk_full": self._fill_disk,
            "clock_jump": self._jump_clock,
        }
        burst = 0
        for number, kind in enumerate(kinds):
            if not burst:
                burst = self._dice.randint(1, BURST)
                await asyncio.sleep(self._dice.uniform(*(PAUSE_S if kind in harsh else LINE_PAUSE_S)))
            burst -= 1
            while kind not in harsh and number / len(kinds) > self._harsh_share():
                await asyncio.sleep(LINE_PAUSE_S[1] / 2)  # the two lists last as long as each other
            strike = harsh.get(kind) or partial(self._disturb, kind)
            while not await strike():
                pass
            self.struck[kind] += 1

    def _harsh_share(self) -> float:
        """How far the harsh faults have come, the next one included."""
        return (1 + sum(self.struck[kind] for kind in HARSH_KINDS)) / len(self.faults.harsh)

    async def _disturb(self, kind: str) -> bool:
        """A fault of the line, somewhere in the next bytes of either direction."""
        dice = self._dice
        before = await self._cable_struck(kind)
        towards = dice.choice(("reader", "terminal"))
        after = dice.choice((0, dice.randrange(64), dice.randrange(2500)))
        await self._cable.fault(kind, towards, after, dice.randrange(20, 600))
        try:
            async with asyncio.timeout(STRIKE_S):
                while await self._cable_struck(kind) == before:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self._cable.calm()
        return await self._cable_struck(kind) > before

    async def _unplug(self) -> bool:
        """At any byte of what the reader sends, or at any time."""
        before = await self._cable_struck("unplug")
        if self._dice.random() < 0.6:
            await self._cable.unplug_after(self._dice.randrange(1, 6000))
            await asyncio.sleep(self._dice.uniform(0, 1))
        await self._cable.unplug()
        await asyncio.sleep(self._dice.uniform(0, 0.3))
        struck = await self._cable_struck("unplug") > before
        await self._cable.plug()
        return struck

    async def _cable_struck(self, kind: str) -> int:
        return int((await self._cable.status())["faults"].get(kind, 0))

    async def _kill(self, side: str) -> bool:
        """Right after some event of a visit or the handing over of a file, or at any time."""
        dice = self._dice
        moment = dice.choice((*sorted(VISIT_EVENTS), FILE, ANY_TIME, ANY_TIME))
        if moment == FILE:
            await self._file_appears()
        elif moment == ANY_TIME:
            await asyncio.sleep(dice.uniform(0, 0.4))
        else:
            await self._ears.until(lambda _, event, __: event == moment, MOMENT_S)
            await asyncio.sleep(dice.choice((0, dice.uniform(0, 0.01), dice.uniform(0, 0.05))))
        if side == "reader":
            self._reader_kills += 1
            if self._reader_kills % FORGE_EVERY == 1:
                forger = [sys.executable, str(HERE / "soak_forger.py"), str(self.folder)]
                self._keepers[side].before_start.append(forger)
        return await self._keepers[side].kill()

    async def _file_appears(self) -> None:
        """The bridge has handed a file over, and not yet remembered that it has."""
        before = set(os.listdir(self._face)) if self._face.exists() else set()
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT_S):
                while not self._face.exists() or not set(os.listdir(self._face)) - before:
                    await asyncio.sleep(0.001)

    async def _fill_disk(self) -> bool:
        """Almost or altogether, until a write of that side has failed, and a while longer; it may die meanwhile."""
        side = self._dice.choice(("reader", "bridge"))
        disk = self._disks[side]
        self._full_at[side] = math.inf
        disk.fill(self._dice.choice((0, self._dice.randrange(64))))
        try:
            struck = await self._ears.until(write_failed(side), STRIKE_S)
            if struck and self._dice.random() < 0.4:
                await self._keepers[side].kill()
            if struck:
                await asyncio.sleep(self._dice.uniform(0, 0.4))
        finally:
            disk.free()
            self._full_at[side] = time.monotonic()
        return struck

    async def _jump_clock(self) -> bool:
        """By minutes to hours, to anywhere within 11 hours of the true time."""
        target = self._clock.ahead_s
        while abs(target - self._clock.ahead_s) < 60:
            target = self._dice.randint(-JUMP_S, JUMP_S)
        self._clock.jump(target)
        return await self._ears.until(lambda *_: abs(self._ears.bridge_ahead_s - target) < 10, STRIKE_S)

    async def _drain(self) -> None:
        """No more faults and no new visits, until reader and bridge have handed on all that they hold."""
        await self._cable.calm()
        self._clock.jump(0)
        (self.folder / "rest").touch()
        try:
            async with asyncio.timeout(DRAIN_S):
                while self._ears.undelivered != 0 or self._errands():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise RuntimeError(
                f"{self.folder}: {DRAIN_S:.0f} s after the last fault the reader still holds"
                f" {self._ears.undelivered} records, the bridge {self._errands()} errands"
            ) from None

    def _errands(self) -> int:
        database = self.folder / "bridge" / "state" / "journal.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            query = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL"
            return int(connection.execute(query).fetchone()[0])

    @asynccontextmanager
    async def _receipt_computer(self) -> AsyncIterator[None]:
        """It takes finished files away, and remembers their names."""

        async def take() -> None:
            while True:
                await asyncio.sleep(1)
                self._take_files()

        taking = asyncio.create_task(take())
        try:
            yield
        finally:
            taking.cancel()

    def _take_files(self) -> None:
        for file in self._face.glob("*"):
            note = self.folder / "bridge" / "index" / f"{file.name}.json"
            self._notes[file.name] = json.loads(note.read_text())["visit"]
            self._taken.append(file.name)
            file.unlink()

    def _keep_what_is_left(self) -> None:
        """Out of the disks, which go with this program."""
        left = self.folder / LEFT
        left.mkdir()
        self._take_files()
        (left / "files.json").write_text(json.dumps(self._taken))
        (left / "notes.json").write_text(json.dumps(self._notes))
        for side, database in (("bridge", "bridge/state/journal.db"), ("reader", "reader/journal.db")):
            for part in ("", "-wal"):
                if (self.folder / f"{database}{part}").exists():
                    shutil.copy(self.folder / f"{database}{part}", left / f"{side}.db{part}")
