"""Processes of the reader's own: started with one end of a pipe, ended by closing the other."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence

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
