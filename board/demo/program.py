"""A program of the house as the demo runs it: started, watched, ended, killed, started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from board.demo.program_log import ProgramLog

READY_S = 60.0
STOP_S = 10.0


class StageFault(Exception):
    """The stage cannot be set; the text says what to do."""


class Program:
    """One program of ours with all processes it starts, and its event log as it grows."""

    def __init__(self, name: str, line: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = ProgramLog(folder / f"{name}.jsonl")
        self.on_end: Callable[[], None] = lambda: None
        """Called when it has ended, whoever ended it."""
        self._line = line
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, again or for the first time. It ends with the demo, however that ends."""
        line = ("setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", *self._line)
        self._process = await asyncio.create_subprocess_exec(
            *line,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for the demo, which ends its programs in order
        )
        if self._process.stdout is not None and self._process.stderr is not None:
            self._following = asyncio.create_task(self._follow(self._process.stdout, self._process.stderr))

    async def end(self) -> None:
        """SIGTERM, and wait; one that does not end by itself is killed."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await asyncio.wait_for(self._ended(), STOP_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL to it and all that it has started, as when the power goes, and wait."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._ended()

    async def wait(self, event: str, since: int = 0) -> None:
        """Wait until it has logged `event` at or after position `since` of its log.

        Raises StageFault when it ends, or takes too long, before that.
        """
        seen = asyncio.create_task(self.log.wait(event, since))
        ended = asyncio.create_task(self._ended())
        done, _ = await asyncio.wait({seen, ended}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        seen.cancel()
        ended.cancel()
        if seen not in done:
            why = "has ended" if ended in done else f"is not ready after {READY_S:.0f} s"
            raise StageFault(f"{self.name} {why}; its last words are above")

    async def _follow(self, events: asyncio.StreamReader, words: asyncio.StreamReader) -> None:
        try:
            await asyncio.gather(self.log.follow(events), _pass_on(words))
        finally:
            self.on_end()

    async def _ended(self) -> None:
        if self._process is not None and self._following is not None:
            await self._process.wait()
            await self._following


async def _pass_on(words: asyncio.StreamReader) -> None:
    """What a program says on standard error, but for what TensorFlow Lite tells of itself at every start."""
    while line := await words.readline():
        if not line.startswith(b"INFO: Created TensorFlow Lite"):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
