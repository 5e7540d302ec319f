"""What the bridge makes is on the disk before anything counts on it: the folders that name it are written too."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from host_bridge.alone import alone
from host_bridge.durable import sync_folder, write_whole
from host_bridge.identity import create_bridge
from host_bridge.keys import load_or_create
from host_bridge.outlets.face_folder import FaceFolder

LEFT_TO_CHANCE = {"lock"}
"""Made anew at every start."""


def lost_by_a_power_cut(folder: Path, work: Callable[[], object]) -> set[str]:
    """Names under `folder` that `work` made, and whose folder was not brought to the disk since."""
    kept: dict[int, set[str]] = {}

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is sync_folder.__code__:
            synced: Path = frame.f_locals["folder"]
            kept[synced.stat().st_ino] = set(os.listdir(synced))

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    made = {one: set(os.listdir(one)) - LEFT_TO_CHANCE for one in folders}
    return {name for one, names in made.items() for name in names - kept.get(one.stat().st_ino, set())}


@pytest.mark.parametrize(
    "work",
    [
        lambda folder: write_whole(folder / "file", b"whole"),
        lambda folder: load_or_create(folder / "facility.key"),
        lambda folder: alone(folder / "state").close(),
        lambda folder: alone(folder / "of" / "state").close(),
        lambda folder: FaceFolder.prepare(folder / "oqs" / "face", folder / "oqs" / "work", folder / "index"),
        lambda folder: create_bridge(folder / "identity"),
        lambda folder: create_bridge(folder / "of" / "identity"),
    ],
    ids=["file", "key", "state", "state in a new folder", "receipt computer", "identity", "identity in a new folder"],
)
def test_a_power_cut_takes_nothing_of_what_was_made(tmp_path: Path, work: Callable[[Path], object]) -> None:
    assert lost_by_a_power_cut(tmp_path, lambda: work(tmp_path)) == set()
    assert list(tmp_path.iterdir())
