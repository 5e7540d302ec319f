"""Set-up leaves the commands that messages and manuals name, for whoever is in whatever folder."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["kiosk-bridge", "kiosk-reader"])
def test_a_command_answers_in_a_folder_of_its_callers(command: str, tmp_path: Path) -> None:
    line = [Path(sys.executable).with_name(command), "--help"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {command} ")
