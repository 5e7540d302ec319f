"""Processes of the reader's own: started with one end of a pipe, ended by closing the other; and how it stops."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from firmware.flows.pipe import Pipe

GRACE_S = 5.0
"""A process whose pipe has closed ends by itself; one that hangs, in a driver say, is killed after this."""


class Child:
    """One such process, and our end of its pipe."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Pipe) -> None:
        self.pipe = pipe
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str] | None = None) -> "Child":
        """Start `command --fd N`, N being its end of the pipe. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            process = subprocess.Popen(
                [*command, "--fd", str(number)], pass_fds=[number], env={**os.environ, **(environment or {})}
            )
        return cls(process, await Pipe.over(ours))

    async def end(self) -> int:
        """Hang up, and see the process gone; its exit status."""
        self.pipe.close()
        return await asyncio.to_thread(self._gone)

    def _gone(self) -> int:
        try:
            return self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


async def until_stopped(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Until one of them is done, or `stop` is set. Raises what that one raises."""
    tasks = [asyncio.create_task(one) for one in work]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done()]
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.wait({*tasks, stopping})
    for task in ended:
        task.result()
