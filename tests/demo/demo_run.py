"""One run of the whole demo, and what it left."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """What a demo printed and left."""

    out: Path
    status: int
    said: str
    """Standard error."""
    report: dict[str, Any] | None
    """Its last line, if it printed one."""

    def visit(self, name: str) -> dict[str, Any]:
        assert self.report is not None, self.said
        return next(visit for visit in self.report["visits"] if visit["name"] == name)


def run_demo(out: Path, *options: str) -> Run:
    """`python -m board.demo --headless`, as make runs it."""
    line: Sequence[str] = (sys.executable, "-m", "board.demo", "--headless", "--out", str(out), *options)
    done = subprocess.run(line, capture_output=True, text=True, timeout=400)
    printed = done.stdout.splitlines()
    return Run(out, done.returncode, done.stderr, json.loads(printed[-1]) if printed else None)
