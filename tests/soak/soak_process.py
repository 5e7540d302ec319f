"""Programs that the soak starts, kills and starts again, and the events they tell on their way."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

STOP_S = 20.0
PAUSE_S = 0.2
"""Before a program that ended by itself, on a full disk say, is started again."""
_LINE_CAP = 1 << 16

Heard = Callable[[str, dict[str, Any], float], None]
"""Event, its facts, and when it was heard (monotonic seconds)."""


class Program:
    """One run of a program: JSON lines with an "event", and words, which are heard as "said"; all of it
    goes into `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: BinaryIO, heard: Heard) -> None:
        self._process = process
        self._following = asyncio.create_task(self._follow(log, heard))

    @classmethod
    async def start(cls, line: Sequence[str], environment: Mapping[str, str], log: BinaryIO, heard: Heard) -> "Program":
        """It ends with us, whatever ends us. Ctrl-C does not reach it."""
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", *line),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **environment},
            limit=_LINE_CAP,
            start_new_session=True,
        )
        return cls(process, log, heard)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit status, once all it said has been heard."""
        await self._following
        return await self._process.wait()

    async def _follow(self, log: BinaryIO, heard: Heard) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            log.write(line)
            log.flush()
            try:
                facts = json.loads(line)
            except ValueError:
                facts = {"event": "said", "reason": line.decode(errors="replace")}
            heard(str(facts.pop("event")), facts, time.monotonic())


class Keeper:
    """Keeps a program running, as a service manager would: whatever ends it, it is started again."""

    def __init__(self, log: Path, heard: Heard, line: Sequence[str], environment: Mapping[str, str]) -> None:
        self._log = log.open("ab")
        self._heard = heard
        self._line = line
        self._environment = environment
        self._running: Program | None = None
        self._started = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.before_start: list[Sequence[str]] = []
        """Programs to run to their end, once, before the next start."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def kill(self) -> bool:
        """SIGKILL; whether that is what it died of."""
        await self._started.wait()
        program = self._running
        if program is None:
            return False
        self._started.clear()
        program.send(signal.SIGKILL)
        return await program.ended() == -signal.SIGKILL

    async def stop(self) -> None:
        """SIGTERM, and wait; raises RuntimeError for one that does not end, or not well."""
        self._stopping = True
        if self._running is not None:
            self._running.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                if self._task is not None:
                    await self._task
        except TimeoutError:
            raise RuntimeError(f"{self._log.name}: it does not end within {STOP_S:.0f} s of SIGTERM") from None
        finally:
            self._log.close()

    async def _keep(self) -> None:
        while not self._stopping:
            before, self.before_start = self.before_start, []
            for line in before:
                await (await self._begin(line)).ended()
            program = await self._begin(self._line)
            self._started.set()
            status = await program.ended()
            self._started.clear()
            if not self._stopping and status != -signal.SIGKILL:
                self._heard("ended", {"status": status}, time.monotonic())
                await asyncio.sleep(PAUSE_S)

    async def _begin(self, line: Sequence[str]) -> Program:
        program = self._running = await Program.start(line, self._environment, self._log, self._heard)
        if self._stopping:
            program.send(signal.SIGTERM)
        return program
