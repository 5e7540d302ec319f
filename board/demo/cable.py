"""The USB cable between reader and terminal, in a process of its own (`board.demo.relay`), steered from asyncio."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

ANSWER_S = 5.0


class Cable:
    """A cable of its own process. Use as an async context manager; it begins plugged in."""

    def __init__(self, folder: Path, seed: int | None = None) -> None:
        """`seed`: of the dice that say which bytes a fault hits."""
        self._folder = folder
        self._seed = seed
        self.reader = folder / "reader"
        """Where the reader finds its end."""
        self.terminal = folder / "terminal"
        """Where the terminal finds its end."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "board.demo.relay", str(self._folder)),
            *(() if self._seed is None else ("--seed", str(self._seed))),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # it ends with its standard input, not by Ctrl-C
        )
        if self._process.stdout is None or not await self._process.stdout.readline():
            raise RuntimeError("the cable's process did not start")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def ended(self) -> None:
        """Return once its process has ended."""
        await self._process.wait()

    async def plug(self) -> None:
        """Plug it in, if it is not."""
        await self._do({"do": "plug"})

    async def unplug(self) -> None:
        """Pull the plug: what is on its way or held back is lost."""
        await self._do({"do": "unplug"})

    async def unplug_after(self, count: int) -> None:
        """Pull the plug once `count` more bytes have reached the terminal."""
        await self._do({"do": "unplug_after", "bytes": count})

    async def hold_answers(self) -> None:
        """The terminal hears everything; of what it says only acknowledgements reach the reader."""
        await self._do({"do": "hold_answers"})

    async def release(self) -> None:
        """Let what was held back reach the reader, unless the cable was unplugged meanwhile."""
        await self._do({"do": "release"})

    async def noise(self, count: int) -> None:
        """Random bytes towards both ends, at most 65,536."""
        await self._do({"do": "noise", "bytes": count})

    async def cook(self, end: str) -> None:
        """At the next plug, "reader" or "terminal" is in cooked mode, and echoes, until its opener sets raw mode."""
        await self._do({"do": "cook", "end": end})

    async def fault(self, kind: str, towards: str, after: int = 0, ms: int = 0) -> None:
        """One fault (`line_faults.KINDS`) towards "reader" or "terminal", among the bytes after the next `after`."""
        await self._do({"do": "fault", "kind": kind, "towards": towards, "after": after, "ms": ms})

    async def flip_rate(self, per_million: int) -> None:
        """From now on one bit flips in so many of a million bytes, both ways; 0 ends it."""
        await self._do({"do": "flip_rate", "per_million": per_million})

    async def calm(self) -> None:
        """No fault that has not struck strikes any more."""
        await self._do({"do": "calm"})

    async def status(self) -> dict[str, Any]:
        """plugged, holding, held_frames, the bytes passed so far (to_terminal, to_reader), and `faults`: how many of
        each kind have struck."""
        return await self._do({"do": "status"})

    async def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self._folder / "control")
        try:
            writer.write(json.dumps(command).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), ANSWER_S) or b"{}")
        finally:
            writer.close()
        if "plugged" not in answer:
            raise OSError(answer.get("error", "the cable's process has gone"))
        return answer
