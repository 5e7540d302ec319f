"""Reader and bridge as real processes, under faults of cable, processes, disks and clock, until so many took effect.

`python tests/soak/soak.py --faults 20000 --seed 1`, as root, with PYTHONPATH=.:tests/soak:tests/token. Real are the
bridge's program, the reader's link, journal, signer and answers, the files and the databases; the cable is the virtual
one. A scripted patient with a simulated card stands for the visit's process: screens, camera and models are left out.

The last line on standard output is JSON; the exit status is 1 where anything was lost, stored twice, left out, or
forged and believed. Everything that was said and left lies in the folder given with --out.
"""

import argparse
import asyncio
import json
import shutil
import signal
import statistics
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from soak_books import Counted, count
from soak_clock import build_clock
from soak_disk import own_mounts
from soak_lane import Lane
from soak_schedule import KINDS, schedule

LANES = 4
"""Side by side, on two processor cores: a lane mostly waits, for a program to start or a connection to come back."""
PROGRESS_S = 2.0
TOLD_FAULTS = 50
"""Of each lane, in words; the last line counts them all."""
STUCK_S = 120.0
"""No fault took effect, or no visit was stored, for so long: something hangs."""


async def run(out: Path, faults: int, seed: int) -> list[Lane]:
    """All lanes to their end. Raises RuntimeError, ExceptionGroup."""
    library = build_clock(out)
    lanes = []
    for number in range(LANES):
        dice = Random(f"{seed} {number}")
        share = faults // LANES + (number < faults % LANES)
        lanes.append(Lane(out / f"lane{number}", library, schedule(share, dice), dice))
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(lane.run()) for lane in lanes]
        watching = group.create_task(_watch(lanes))
        await asyncio.wait(running)
        watching.cancel()
    return lanes


async def _watch(lanes: list[Lane]) -> None:
    """Tell how far it has come. Raises RuntimeError where it comes no further."""
    began = time.monotonic()
    moved: dict[tuple[Lane, str], tuple[int, float]] = {}
    total = sum(len(lane.faults) for lane in lanes)
    while True:
        faults = sum(lane.struck.total() for lane in lanes)
        visits, stored = (sum(getattr(lane.books, what) for lane in lanes) for what in ("visits", "stored"))
        now = time.monotonic()
        for lane in lanes:
            for what, number in (("fault", lane.struck.total()), ("visit", lane.books.stored)):
                if lane.finished or number != moved.get((lane, what), (-1, 0.0))[0]:
                    moved[lane, what] = number, now
                elif now - moved[lane, what][1] > STUCK_S:
                    raise RuntimeError(f"{lane.folder}: no {what} for {STUCK_S:.0f} s; what was said lies there: *.log")
        rate = faults / (now - began + 1e-9)
        left = f"{(total - faults) / rate / 60:.1f} min" if rate else "?"
        print(
            f"{faults}/{total} faults, {visits} visits, {stored} stored, {rate:.1f} faults/s, {left} to go",
            file=sys.stderr,
            flush=True,
        )
        await asyncio.sleep(PROGRESS_S)


def outcome(counted: list[Counted], struck: Counter[str], seed: int) -> dict[str, object]:
    """The last line."""
    times = sorted(one for lane in counted for one in lane.latencies_ms)
    quantiles = statistics.quantiles(times, n=100) if len(times) > 1 else [0.0] * 99
    return {
        "faults": struck.total(),
        **{what: sum(getattr(lane, what) for lane in counted) for what in ("visits", "stored")},
        **{what: sum(len(getattr(lane, what)) for lane in counted) for what in ("lost", "duplicates", "gaps")},
        "refused_forgeries": sum(lane.forgeries_refused.total() for lane in counted),
        "p50_ms": round(quantiles[49], 1),
        "p99_ms": round(quantiles[98], 1),
        "by_kind": {kind: struck[kind] for kind in KINDS},
        "seed": seed,
    }


def _leaves(failed: ExceptionGroup) -> list[Exception]:
    return [
        one for error in failed.exceptions for one in (_leaves(error) if isinstance(error, ExceptionGroup) else [error])
    ]


async def main() -> int:
    """Exit status: 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="soak.py", description="Reader and bridge under faults")
    parser.add_argument("--faults", type=int, default=20_000, help="that took effect, of all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder; what an earlier soak left goes")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    own_mounts()
    running = asyncio.create_task(run(options.out, options.faults, options.seed))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        lanes = await running
    except asyncio.CancelledError:
        return 1
    except ExceptionGroup as failed:
        for error in _leaves(failed):
            if not isinstance(error, RuntimeError):
                traceback.print_exception(error)
            print(f"soak: {error}", file=sys.stderr)
        return 1
    counted = [count(lane.folder) for lane in lanes]
    for lane, found in zip(lanes, counted, strict=True):
        for fault in found.faults()[:TOLD_FAULTS]:
            print(f"soak: {lane.folder}: {fault}", file=sys.stderr)
    struck = sum((lane.struck for lane in lanes), Counter[str]())
    print(json.dumps(outcome(counted, struck, options.seed)), flush=True)
    return int(any(found.faults() for found in counted))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
