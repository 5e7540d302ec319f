"""What goes wrong at the start ends in one line that says what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("awk", "df", "grep", "id", "mkdir")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone that nothing has been installed in."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements-build.txt", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def last_words(line: Sequence[str], folder: Path, environment: Mapping[str, str] = {}) -> list[str]:
    """What a command that fails says of its own on standard error, without what the programs it runs say."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        line, cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode != 0, done.stdout
    return [row for row in done.stderr.splitlines() if row.startswith(("setup:", "demo:", "Traceback"))]


def on_a_full_disk(folder: Path, size: str, line: Sequence[str]) -> list[str]:
    """The command line that runs `line` where `folder` has so much room."""
    script = 'mount -t tmpfs -o size="$1" none "$2" && cp -a "$3"/. "$2" && cd "$2" && shift 3 && exec "$@"'
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    return ["unshare", "--mount", "sh", "-c", script, "sh", size, str(folder), str(copy), *line]


def test_a_system_that_is_not_debian_is_told_what_it_needs(project: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    (said,) = last_words([str(shutil.which("make")), "system"], project, {"PATH": str(tools)})
    assert "not Debian" in said and "pcscd" in said


def test_a_package_index_out_of_reach_is_named(project: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_RETRIES": "0"}
    (said,) = last_words(["make", ".venv/.installed"], project, nowhere)
    assert said == "setup: the Python package index cannot be reached: check the network, and pip config list"


def test_a_machine_without_the_card_daemon_is_told_its_package(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("ip", "unshare", "setpriv"):
        (tools / name).symlink_to(str(shutil.which(name)))
    demo = [sys.executable, "-m", "board.demo", "--headless", "--out", str(tmp_path / "out")]
    (said,) = last_words(demo, ROOT, {"PATH": str(tools)})
    assert said == "demo: pcscd is missing: install the package pcscd"


@pytest.mark.parametrize("port", ["0", "65535", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    line = [sys.executable, "-m", "board.demo", "--port", port]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("a port from 1 to 65534 is needed")


def test_a_disk_full_at_set_up_is_named(project: Path) -> None:
    (said,) = last_words(on_a_full_disk(project, "4m", ["make", ".venv/.installed"]), project)
    assert said == "setup: no space is left on the disk: free about 1 GB, and start again"


def test_a_disk_full_at_the_demos_start_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    demo = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "board.demo", "--headless", "--out", str(out / "demo")]
    line = on_a_full_disk(out, "64k", ["sh", "-c", 'cd "$0" && exec "$@"', str(ROOT), *demo])
    (said,) = last_words(line, ROOT)
    assert said.startswith("demo: ") and said.endswith("no space is left on the disk: free some, and start again")
