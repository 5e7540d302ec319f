"""The real face worker over a simulated visit: its memory, and how long a patient waits who has come near."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from face_approach import FRAMES_PER_SECOND, approach

from board.contracts import Frame
from board.demo.portraits import chip_photo, load_faces
from board.sim.dock import Dock
from firmware.face.engine import Reason
from firmware.flows.face_worker import FRAMES_FUSED, FaceWorker, Sight

VISITS = 10
MOST_MB = 200
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Visit:
    """What one took."""

    match: bool
    decided_ms: float
    """From the first good frame to the decision, as the worker says."""
    waited_ms: float
    """From the last frame that was not good, as the visit sees it, to the decision there: what a patient may count."""
    peak_mb: float
    """Of the worker's resident memory."""


def visit_lines(report: Callable[[str], None]) -> Iterator[str]:
    """Figures, and the goal for memory."""
    frames, photo = approach(), chip_photo(load_faces().card)
    visits = []
    for number in range(VISITS):
        report(f"visit {number + 1} of {VISITS}")
        visits.append(asyncio.run(_visit(frames, photo)))
    peak = max(visit.peak_mb for visit in visits)
    verdict = "met" if peak <= MOST_MB else "NOT MET"
    yield f"face worker, peak of resident memory over a visit: {peak:.0f} MB, goal <= {MOST_MB} MB: {verdict}"
    matched = sum(visit.match for visit in visits)
    yield (
        f"approach (simulated: a still panned and zoomed, {FRAMES_PER_SECOND} pictures a second, {VISITS} visits,"
        f" {matched} confirmed, {FRAMES_FUSED} pictures fused)"
    )
    for name, taken in (
        ("first good frame -> decision", [visit.decided_ms for visit in visits]),
        ("last frame not good -> decision with the visit", [visit.waited_ms for visit in visits]),
    ):
        yield f"  {name:<48} median {median(taken):.0f} ms, slowest {max(taken):.0f} ms"


async def _visit(frames: list[Frame], photo: bytes) -> Visit:
    """A worker's process from its start to the decision, with the virtual reader's camera."""
    dock = Dock()
    with tempfile.TemporaryDirectory() as folder:
        await dock.open(Path(folder) / "dock")
        worker = await FaceWorker.start((sys.executable, "-m", "firmware", "face", "--dock", f"{folder}/dock"))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await worker.ready()
                await worker.reference(photo)
                not_good = time.monotonic()

                async def see(sight: Sight) -> None:
                    nonlocal not_good
                    if sight.guidance != "good":
                        not_good = time.monotonic()

                walking = asyncio.create_task(_walk(dock, frames))
                outcome = await worker.look(see)
                waited = time.monotonic() - not_good
                await walking
            return Visit(
                outcome.reason is Reason.MATCH, outcome.ms, waited * 1000, _peak_mb(worker._child._process.pid)
            )
        finally:
            await worker.end()
            await dock.close()


async def _walk(dock: Dock, frames: list[Frame]) -> None:
    """Puts each frame before the camera when its time has come; the last one stays."""
    since = time.monotonic()
    for number, frame in enumerate(frames):
        dock.sees = frame
        await asyncio.sleep(max(0.0, since + (number + 1) / FRAMES_PER_SECOND - time.monotonic()))


def _peak_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
