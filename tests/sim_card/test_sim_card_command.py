"""`python -m board.sim.card`, as a stranger runs it."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from board.sim.card.issue import personas


def run(*options: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "board.sim.card", *map(str, options)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


def test_help_shows_how_to_begin() -> None:
    told = run("--help").stdout
    for words in ("serve --persona adult", "opensc-tool --name", "personas.toml"):
        assert words in told


def test_every_card_is_listed_with_what_sets_it_apart() -> None:
    lines = run("personas").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(personas())
    told = dict(line.split(maxsplit=1) for line in lines)
    assert "PIN 9876" in told["pin_locked"] and "PIN locked" in told["pin_locked"]
    assert "PIN none" in told["no_pin"]


def test_all_cards_are_issued_into_a_folder_that_is_new(tmp_path: Path) -> None:
    issued = run("issue", tmp_path / "issued")
    assert issued.returncode == 0
    assert {folder.name for folder in (tmp_path / "issued" / "cards").iterdir()} == set(personas())
    assert (tmp_path / "issued" / "authority" / "private").stat().st_mode & 0o077 == 0
    again = run("issue", tmp_path / "issued")
    assert again.returncode == 1
    assert again.stderr.startswith("virtual card: ") and "Traceback" not in again.stderr


@pytest.mark.parametrize("options", [(), ("--persona", "nobody"), ("--rf", "847", "--persona", "adult")])
def test_what_cannot_be_served_is_said_in_a_line(options: tuple[str, ...]) -> None:
    told = run("serve", *options)
    assert told.returncode == 2
    assert "error: " in told.stderr and "Traceback" not in told.stderr


def test_a_folder_that_is_no_card_is_refused(tmp_path: Path) -> None:
    told = run("serve", "--card", tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "is no card" in told.stderr


async def test_a_persona_is_issued_once_and_served(tmp_path: Path) -> None:
    async def served() -> str:
        arrived = asyncio.Event()
        vpcd = await asyncio.start_server(lambda *_: arrived.set(), "127.0.0.1", 0)
        port = vpcd.sockets[0].getsockname()[1]
        async with vpcd:
            program = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "board.sim.card", "serve", "--persona", "no_pin"),
                *("--cards", str(tmp_path), "--port", str(port)),
                stdout=asyncio.subprocess.PIPE,
            )
            await asyncio.wait_for(arrived.wait(), 30)
            assert program.stdout is not None
            told = ""
            while "lies on the virtual reader" not in told:
                told += (await asyncio.wait_for(program.stdout.readline(), 10)).decode()
            program.terminate()
            assert await asyncio.wait_for(program.wait(), 10) == 0
        return told

    assert "issuing no_pin" in await served()
    key = (tmp_path / "cards" / "no_pin" / "auth_key.pem").read_bytes()
    assert "issuing" not in await served()
    assert (tmp_path / "cards" / "no_pin" / "auth_key.pem").read_bytes() == key
    shutil.rmtree(tmp_path / "cards")
    assert "issuing no_pin" in await served()
