"""The soak's own books, outside both processes: what they said they did, against what the bridge really holds.

FOLDER/told.jsonl   one line for each thing a program said: journalled, receipt, stored, forged, ended
FOLDER/left/        copies made after a clean stop: the bridge's journal.db, the reader's, names of face files and notes
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

TOLD = "told.jsonl"
LEFT = "left"


@dataclass
class Counted:
    """What came of a lane. Each fault is a line that says what and where."""

    visits: int = 0
    stored: int = 0
    lost: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    forgeries_refused: Counter[str] = field(default_factory=Counter)
    forgeries_accepted: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Programs that ended by themselves while their disk had room: none may."""
    refused: list[str] = field(default_factory=list)
    """Honest visits that were refused: none may be."""
    latencies_ms: list[float] = field(default_factory=list)
    """Journalled to durable at the host."""

    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.lost, *self.duplicates, *self.gaps, *self.forgeries_accepted, *self.ended, *self.refused]


class Books:
    """Writes down what is told, as it is told."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / TOLD).open("a", buffering=1)
        self.visits = 0
        self.stored = 0

    def tell(self, what: str, at: float, **facts: Any) -> None:
        """`at`: monotonic seconds."""
        self.visits += what == "journalled"
        self.stored += what == "stored"
        self._file.write(json.dumps({"what": what, "at": round(at, 5), **facts}) + "\n")

    def close(self) -> None:
        self._file.close()


def count(folder: Path) -> Counted:
    """Compare the books of a lane with what it left."""
    told: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    counted = Counted()
    for entry in _entries(folder / TOLD):
        if entry["what"] == "forged":
            _forgery(entry, counted)
        elif entry["what"] == "ended":
            counted.ended.append(f"{entry['side']} ended by itself: {entry['why']}")
        else:
            told[entry["what"]].setdefault(entry["cti"], entry)
    rows = _rows(folder / LEFT / "bridge.db", "SELECT lower(hex(cti)), device_id, counter FROM token")
    kept = {cti for (cti,) in _rows(folder / LEFT / "reader.db", "SELECT lower(hex(cti)) FROM record")}
    stored = Counter(str(row[0]) for row in rows)
    refused = {cti: entry["refusal"] for cti, entry in told["receipt"].items() if not entry["accepted"]}
    counted.visits = len(told["journalled"])
    counted.stored = len(stored)
    counted.lost = [
        f"receipt without a row: {cti}"
        for cti, entry in told["receipt"].items()
        if entry["accepted"] and cti not in stored
    ]
    counted.lost += [
        f"journalled, and nowhere any more: {cti}"
        for cti in told["journalled"]
        if cti not in stored and cti not in kept and cti not in refused
    ]
    counted.refused = [f"an honest visit was refused: {cti}: {why}" for cti, why in refused.items()]
    counted.duplicates = [f"{times} rows: {cti}" for cti, times in stored.items() if times > 1]
    counted.duplicates += _face_files(folder / LEFT, set(stored), counted.lost)
    counters: dict[str, Counter[int]] = defaultdict(Counter)
    for _, device, counter in rows:
        counters[device][counter] += 1
    for device, used in counters.items():  # a renewed identity goes on counting
        counted.gaps += [
            f"no token of {device} has counters {one + 1} to {following - 1}"
            for one, following in pairwise(sorted({0, *used}))
            if following != one + 1
        ]
        counted.duplicates += [
            f"{times} tokens of {device} have counter {one}" for one, times in used.items() if times > 1
        ]
    counted.latencies_ms = [
        1000 * (entry["at"] - told["journalled"][cti]["at"])
        for cti, entry in told["stored"].items()
        if cti in told["journalled"]
    ]
    return counted


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def _rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def _forgery(entry: Mapping[str, Any], counted: Counted) -> None:
    if entry["accepted"]:
        counted.forgeries_accepted.append(f"forgery accepted: {entry['kind']}")
    elif entry["refusal"] != entry["expected"]:
        counted.forgeries_accepted.append(f"forgery {entry['kind']} refused for another reason: {entry['refusal']}")
    else:
        counted.forgeries_refused[entry["kind"]] += 1


def _face_files(left: Path, stored: set[str], lost: list[str]) -> list[str]:
    """Visits with more than one file, or files of no visit; a stored visit without a file is lost."""
    visits = json.loads((left / "notes.json").read_text())
    files = json.loads((left / "files.json").read_text())
    written = Counter(visits.get(file) for file in files)
    lost += [f"stored, and no face file: {cti}" for cti in sorted(stored - written.keys())]
    return [
        f"{times} face files: {cti}" if cti in stored else f"a face file of no stored visit: {cti}"
        for cti, times in written.items()
        if times > 1 or cti not in stored
    ]
