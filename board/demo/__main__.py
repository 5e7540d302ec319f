"""The demo: the virtual reader in a browser, and the bridge with the reception's page beside it.

`python -m board.demo` serves both until Ctrl-C. `python -m board.demo --headless` plays every story of
`board.demo.visits` without a browser, prints one line of JSON as its last line, and ends with 0 only if each visit
ended as its story says.
"""

import argparse
import asyncio
import errno
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from board.demo.cards import OtherCard
from board.demo.live import live
from board.demo.play import play
from board.demo.portraits import PortraitError
from board.demo.program import StageFault
from board.sim.card.server import TrayRefused
from board.sim.pcscd import PcscdUnavailable
from firmware.__main__ import leave_no_core
from firmware.face.manifest import ModelError
from host_bridge.web.server import PortTaken

NOT_STARTED = 2
INTERRUPTED = 130
_FAULTS = (StageFault, PortraitError, ModelError, PcscdUnavailable, PortTaken, TrayRefused, OSError)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m board.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for everything the demo leaves")
    parser.add_argument("--headless", action="store_true", help="scripted patients, no browser")
    parser.add_argument("--port", type=port, default=8740, help="of the reader's page; the window gets the next one")
    parser.add_argument("--faces", type=Path, help="folder with card.*, patient.* and other.* (default: portraits)")
    parser.add_argument("--models", type=Path, default=Path("build/models"), help="folder of built models")
    parser.add_argument("--card", metavar="COMMAND", help="a virtual card of your own: a program that attaches to vpcd")
    parser.add_argument("--number-b", metavar="DIGITS", help="with --card: what is printed on it (照合番号B)")
    parser.add_argument("--pin", metavar="DIGITS", help="with --card: the PIN its holder enters")
    parser.add_argument("--authority", type=Path, help="with --card: folder with its issuer's jpki_ca.pem, cv_ca.json")
    options = parser.parse_args()
    other = None
    if options.card:
        if not options.headless:
            parser.error("--card plays with --headless only")
        if not (options.number_b and options.pin):
            parser.error("--card needs --number-b and --pin")
        other = OtherCard(options.card, options.number_b, options.pin, options.authority)
    leave_no_core()  # pictures of people pass through here
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr, flush=True)

    if options.headless:
        work = play(options.out, options.models, options.faces, other, say)
    else:
        work = live(options.out, options.models, options.faces, options.port, say)
    try:
        sys.exit(asyncio.run(until_stopped(work)))
    except _FAULTS as fault:
        print(f"demo: {advice(fault)}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    except asyncio.CancelledError:
        sys.exit(INTERRUPTED)


def port(text: str) -> int:
    """A port that has a next one. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or not 0 < int(text) < 65535:
        raise argparse.ArgumentTypeError("a port from 1 to 65534 is needed")
    return int(text)


async def until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`; the first SIGINT or SIGTERM cancels it, further ones do not disturb its end."""
    working = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        working.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return await working


def advice(fault: Exception) -> str:
    """One line that says what to do."""
    if isinstance(fault, OSError) and fault.errno == errno.ENOSPC:
        return f"{fault.filename or 'the disk'}: no space is left on the disk: free some, and start again"
    if isinstance(fault, PortTaken):
        return f"{fault}: make demo PORT=8750"
    return str(fault)


if __name__ == "__main__":
    main()
