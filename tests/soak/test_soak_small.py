"""A small soak keeps every promise; books that do not add up are seen; and whatever ends it, it ends whole."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from soak_books import LEFT, TOLD, count
from soak_schedule import KINDS

ROOT = Path(__file__).parents[2]
LIMIT_S = 180.0
GONE_S = 10.0
FAULTS = 10 * len(KINDS)


def start(out: Path, faults: int) -> "subprocess.Popen[str]":
    path = os.pathsep.join(str(ROOT / one) for one in ("", "tests/soak", "tests/token"))
    line = [sys.executable, "tests/soak/soak.py", "--faults", str(faults), "--seed", "7", "--out", str(out)]
    return subprocess.Popen(
        line,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What some faults of every kind left, and the last line."""
    out = tmp_path_factory.mktemp("soak") / "out"
    process = start(out, FAULTS)
    words, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors[-4000:]
    return out, json.loads(words.splitlines()[-1])


@pytest.fixture
def lane(soak: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of one lane's books and of what it left."""
    copy = tmp_path / "lane"
    shutil.copytree(soak[0] / "lane0" / LEFT, copy / LEFT)
    shutil.copy(soak[0] / "lane0" / TOLD, copy)
    return copy


def test_faults_of_every_kind_lose_nothing_and_store_nothing_twice(soak: tuple[Path, dict[str, Any]]) -> None:
    _, outcome = soak
    assert outcome["faults"] == FAULTS == sum(outcome["by_kind"].values())
    assert all(outcome["by_kind"][kind] >= 4 for kind in KINDS)
    assert (outcome["lost"], outcome["duplicates"], outcome["gaps"]) == (0, 0, 0)
    assert outcome["stored"] >= outcome["visits"] > 0
    assert outcome["refused_forgeries"] > 0
    assert 0 < outcome["p50_ms"] <= outcome["p99_ms"]


def test_an_untouched_lane_adds_up(lane: Path) -> None:
    assert count(lane).faults() == []


def test_a_row_that_is_gone_is_a_loss(lane: Path) -> None:
    (cti,) = change(lane, "SELECT lower(hex(cti)) FROM token ORDER BY counter DESC LIMIT 1")
    change(lane, "DELETE FROM token WHERE hex(cti) = upper(?)", cti)
    counted = count(lane)
    assert f"receipt without a row: {cti}" in counted.lost
    assert counted.gaps == []


def test_a_row_gone_from_the_middle_is_a_gap_too(lane: Path) -> None:
    change(lane, "DELETE FROM token WHERE counter = 1")
    assert count(lane).gaps == ["no token of SOAK-0001 has counters 1 to 1"]


def test_a_counter_used_twice_is_a_duplicate(lane: Path) -> None:
    change(lane, "UPDATE token SET counter = 2, certificate_sha256 = x'00' WHERE counter = 1")
    assert "2 tokens of SOAK-0001 have counter 2" in count(lane).duplicates


def test_a_second_face_file_of_a_visit_is_a_duplicate(lane: Path) -> None:
    files = json.loads((lane / LEFT / "files.json").read_text())
    (lane / LEFT / "files.json").write_text(json.dumps([*files, files[0]]))
    assert len(count(lane).duplicates) == 1


def test_a_visit_without_its_face_file_is_a_loss(lane: Path) -> None:
    files = json.loads((lane / LEFT / "files.json").read_text())
    (lane / LEFT / "files.json").write_text(json.dumps(files[1:]))
    assert len(count(lane).lost) == 1


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"what": "journalled", "cti": "ab"}, "journalled, and nowhere any more: ab"),
        ({"what": "receipt", "cti": "ab", "accepted": True, "refusal": None}, "receipt without a row: ab"),
        (
            {"what": "receipt", "cti": "ab", "accepted": False, "refusal": "signature"},
            "an honest visit was refused: ab: signature",
        ),
        (
            {"what": "forged", "kind": "foreign_key", "accepted": True, "refusal": None, "expected": "signature"},
            "forgery accepted: foreign_key",
        ),
        (
            {"what": "forged", "kind": "foreign_key", "accepted": False, "refusal": "x", "expected": "signature"},
            "forgery foreign_key refused for another reason: x",
        ),
        ({"what": "ended", "side": "bridge", "why": "status 1"}, "bridge ended by itself: status 1"),
    ],
)
def test_what_was_told_and_must_not_be_is_seen(lane: Path, said: dict[str, Any], seen: str) -> None:
    with (lane / TOLD).open("a") as told:
        told.write(json.dumps({"at": 0.0, **said}) + "\n")
    assert count(lane).faults() == [seen]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_soak_that_is_ended_leaves_no_process_and_no_mount(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    process = start(out, 4000)
    assert process.stderr is not None
    while "faults/s" not in process.stderr.readline() or not any(b"host_bridge" in one for one in programs(out)):
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0
    end = time.monotonic() + GONE_S
    while left := programs(out):
        assert time.monotonic() < end, left
    assert str(out) not in Path("/proc/mounts").read_text()


def programs(out: Path) -> list[bytes]:
    """Command lines that name this soak's folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes()
        except OSError:
            continue
        if str(out).encode() in words and b"soak.py" not in words:
            found.append(words)
    return found


def change(lane: Path, query: str, *values: str) -> tuple[Any, ...]:
    """In the bridge's database; the first row."""
    with closing(sqlite3.connect(lane / LEFT / "bridge.db")) as database, database:
        return database.execute(query, values).fetchone() or ()
