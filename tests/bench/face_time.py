"""Time of one verification, ours and face_recognition's, on the same pairs in turns; what the preview takes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from face_approach import FRAMES_PER_SECOND, approach

from firmware.face.engine import FaceEngine
from firmware.flows.face_worker import ONE_THREAD
from models.build import MANIFEST
from models.evaluate_pairs import Pairs

MODELS = Path("build/models")
PAIRS_PER_GROUP = 16
MOST = 1 / 8
"""Of face_recognition's time."""
PREVIEW_S = 10.0
PREVIEW_CORE = 0.5
_HERE = Path(__file__).parent
PEER = "face_recognition"


@dataclass(frozen=True)
class Contender:
    """A program that answers a pair's two paths with what it took."""

    name: str
    process: subprocess.Popen[str]

    def take(self, paths: tuple[str, str]) -> dict[str, Any] | None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(paths) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended at {paths}: its reasons are above")
        answer: dict[str, Any] | None = json.loads(line)
        return answer


def time_lines(pairs: Pairs, peer_python: Path, report: Callable[[str], None]) -> Iterator[str]:
    """Figures beside the goal, where the time goes, and the same by group: pictures differ in size."""
    with ExitStack() as closing:
        contenders = [_peer(closing, peer_python)]
        for python in (Path(sys.executable), peer_python):
            contenders += [ours(closing, python, MODELS, MANIFEST, threads) for threads in (1, 2)]
        groups, takes = race(contenders, pairs, report)
    yield f"one verification, median of {len(takes)} pairs, from two files to the decision:"
    yield from _against_peer(takes, "")
    for group in pairs.groups:
        chosen = [take for name, take in zip(groups, takes, strict=True) if name == group]
        yield from _against_peer(chosen, f", {group} ({len(chosen)} pairs)", shown=2)
    shipped = contenders[1].name
    yield f"where {shipped} spends it, median of both pictures together:"
    for step in takes[0][shipped]["steps"]:
        yield f"  {step:<34} {median(take[shipped]['steps'][step] for take in takes) * 1000:7.1f} ms"


def ours(closing: ExitStack, python: Path, models_dir: Path, manifest: Path, threads: int, what: str = "") -> Contender:
    """This project's engine, with the runtime that `python` has. `what` comes before that one's name."""
    line = (python, _HERE / "face_clock.py", models_dir, manifest, str(threads))
    process = _start(closing, line, {**ONE_THREAD, "PYTHONPATH": "."})
    assert process.stdout
    runtime = json.loads(process.stdout.readline() or '"ended at its start"')
    return Contender(f"{what}{runtime}, {threads} thread{'s' if threads > 1 else ''}", process)


def race(
    contenders: Sequence[Contender], pairs: Pairs, report: Callable[[str], None]
) -> tuple[list[str], list[dict[str, dict[str, Any]]]]:
    """Genuine pairs in which all find both faces: the group of each, and what each contender answered."""
    groups, takes = [], []
    for number, pair in enumerate(chosen := _chosen(pairs)):
        paths = (str(pairs.path(int(pairs.left[pair]))), str(pairs.path(int(pairs.right[pair]))))
        answers = {contender.name: contender.take(paths) for contender in contenders}
        if number % 10 == 0:
            report(f"timed {number} of {len(chosen)} pairs")
        found = {name: answer for name, answer in answers.items() if answer and answer.get("distance", 0) is not None}
        if len(found) == len(contenders):
            groups.append(pairs.groups[pairs.group[pair]])
            takes.append(found)
    return groups, takes


def preview_line() -> str:
    """Processor time of detector, mesh and quality, with a picture every 1/24 s and a face in each."""
    engine, frames = FaceEngine.load(MODELS, MANIFEST), approach()[-FRAMES_PER_SECOND:]
    engine.look(frames[0])
    spent, since = time.process_time(), time.monotonic()
    count = round(PREVIEW_S * FRAMES_PER_SECOND)
    for number in range(count):
        engine.look(frames[number % len(frames)])
        time.sleep(max(0.0, since + (number + 1) / FRAMES_PER_SECOND - time.monotonic()))
    passed = time.monotonic() - since
    share, rate = (time.process_time() - spent) / passed, count / passed
    return (
        f"preview, 640x480, {rate:.1f} pictures a second: {share:.2f} of a core,"
        f" goal <= {PREVIEW_CORE}: {'met' if share <= PREVIEW_CORE else 'NOT MET'}"
    )


def _chosen(pairs: Pairs) -> list[int]:
    """The same genuine pairs of each group in every run, the groups in turns."""
    generator = np.random.default_rng(8)
    drawn = [
        generator.permutation(np.flatnonzero(pairs.same & (pairs.group == number)))[:PAIRS_PER_GROUP]
        for number in range(len(pairs.groups))
    ]
    return [int(pair) for turn in zip(*drawn, strict=False) for pair in turn]


def _against_peer(takes: list[dict[str, dict[str, Any]]], where: str, shown: int | None = None) -> Iterator[str]:
    """The middle of the pairs' own ratios counts."""
    for name in list(takes[0])[:shown]:
        seconds = [take[name]["seconds"] for take in takes]
        line = f"  {name + where:<46} {median(seconds) * 1000:7.1f} ms"
        if name == PEER:
            yield line
            continue
        ratio = median(take[PEER]["seconds"] / take[name]["seconds"] for take in takes)
        verdict = "met" if 1 / ratio <= MOST else "NOT MET"
        yield f"{line}   1/{ratio:.1f} of {PEER}, goal <= 1/{1 / MOST:.0f}: {verdict}"


def _peer(closing: ExitStack, python: Path) -> Contender:
    return Contender(PEER, _start(closing, (python, "-W", "ignore", _HERE / "face_peer.py", "compare"), {}))


def _start(closing: ExitStack, line: Sequence[Path | str], environment: dict[str, str]) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(line, text=True, env={**os.environ, **environment}, **pipes)
    closing.callback(process.wait, 20)
    assert process.stdin
    closing.callback(process.stdin.close)
    return process
