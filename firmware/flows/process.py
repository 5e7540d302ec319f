"""Processes of the reader's own: started with one end of a pipe, ended by closing the other."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence

from firmware.flows.pipe import Pipe

GRACE_S = 5.0
"""A process whose pipe has closed ends by itself; one that hangs, in a driver say, is killed after this."""


async def start_with_pipe(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], Pipe]:
    """Start `command --fd N`, N being its end of the pipe; the process and our end. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        number = theirs.fileno()
        process = subprocess.Popen(
            [*command, "--fd", str(number)], pass_fds=[number], env={**os.environ, **(environment or {})}
        )
    return process, await Pipe.over(ours)


def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process whose pipe is closed; its exit status. Blocking."""
    try:
        return process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
