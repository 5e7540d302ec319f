"""How the demo for people starts and ends, and who gets in."""

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pages_rig import Demo, Visitor, running_demo
from playwright.sync_api import Page, expect

from board.demo.visits import METHOD


def test_without_the_token_there_is_nothing_to_see(live: Demo, page: Page) -> None:
    page.goto(live.reader.split("#")[0])
    expect(page.locator("#veil")).to_contain_text("アクセスキーがありません")
    assert page.get_attribute("#screen", "data-screen") is None


def test_an_address_with_another_token_locks_nobody_out(live: Demo, visitor: Visitor) -> None:
    visitor.page.goto(live.reader.split("#")[0] + "#mine")
    visitor.see_screen("place_card")
    visitor.page.reload()
    visitor.see_screen("place_card")
    visitor.faults.clear()  # the browser tells of the token that was refused


def test_a_page_reloaded_while_a_card_is_laid_down_shows_it_on_the_tray(visitor: Visitor) -> None:
    visitor.do("#place")
    visitor.page.reload()
    visitor.see_screen(METHOD.name)
    expect(visitor.page.locator("#lift")).to_be_visible()


def test_a_part_that_has_died_is_told_at_once(page: Page, tmp_path: Path) -> None:
    with running_demo(tmp_path / "out") as other:
        visitor = Visitor(page).open(other.reader)
        (relay,) = (process for process, line in other.left_running().items() if "board.demo.relay" in line)
        os.kill(relay, signal.SIGKILL)
        expect(visitor.page.locator("#hint")).to_contain_text("仮想の部品が終わりました")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_that_the_demo_started(tmp_path: Path, number: signal.Signals) -> None:
    demo = Demo(tmp_path / "out")
    assert len(demo.left_running()) > 3
    assert demo.end(number) == 0, demo.said()
    assert demo.left_running() == {}
    assert "nothing is left running" in demo.said()


def test_on_a_desktop_both_pages_are_opened(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    os.mkfifo(opened)
    browser = tmp_path / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" >{opened}\n')
    browser.chmod(0o755)
    desktop = {"DISPLAY": ":1", "SUDO_USER": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with opened.open("rb+", buffering=0) as told:  # open for as long as both write: nothing of the second is lost
        demo = Demo(tmp_path / "out", environment=desktop)
        files = {told.readline().decode().strip() for _ in range(2)}
    assert all(stat.S_IMODE(Path(file).stat().st_mode) == 0o600 for file in files), "they hold the tokens"
    led = {re.findall('url=(.*?)"', Path(file).read_text())[0] for file in files}
    assert led == {demo.reader, demo.window}
    assert demo.end() == 0
    assert not any(Path(file).exists() for file in files)


def test_a_port_in_use_ends_in_one_line_that_says_what_to_do(live: Demo, tmp_path: Path) -> None:
    for port in (live.port, live.port - 1):  # the reader's own, the window's
        line = [sys.executable, "-m", "board.demo", "--out", str(tmp_path / "out"), "--port", str(port)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        last = done.stderr.splitlines()[-1]
        assert last.startswith("demo: ") and " cannot be used (" in last and "PORT=" in last
        assert not (tmp_path / "out").exists()


def test_a_second_demo_in_the_same_folder_leaves_the_first_one_alone(live: Demo, visitor: Visitor) -> None:
    line = [sys.executable, "-m", "board.demo", "--headless", "--out", str(live.out)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"demo: another demo runs in {live.out}")
    visitor.place("pin_person")
    visitor.see_screen(METHOD.name)
