"""The demo as `make demo` runs it, and a browser before it: what a visitor does and sees."""

import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from board.contracts import Frame
from board.demo.script import REACTION_S
from board.profiles import load_profile
from firmware.__main__ import look_of
from firmware.screens.drawn import Screen
from firmware.screens.look import Look

CHROMIUM = "/usr/bin/chromium"
QUIET = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
VIEWPORT = {"width": 1366, "height": 768}
REACTION_MS = round(REACTION_S * 1000)
LOOK = look_of(load_profile("sim"))
PATIENCE_MS = 20_000


def free_ports() -> int:
    """The first of two neighbouring ports that are free."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


PIXELS = """async () => {
  const canvas = document.getElementById("screen");
  const rgba = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const rgb = rgba.filter((_, at) => at % 4 !== 3);
  const hash = await crypto.subtle.digest("SHA-256", rgb);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}"""
"""SHA-256 of what the canvas holds, as RGB."""


class Demo:
    """A running demo."""

    def __init__(self, out: Path, *options: str, environment: Mapping[str, str] = {}) -> None:
        self.out = out
        self.port = free_ports()
        line = (sys.executable, "-m", "board.demo", "--out", str(out), "--port", str(self.port), *options)
        self._said = (out.parent / "said").open("w+")
        self.process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=self._said, text=True, env={**os.environ, **environment}
        )
        self.reader, self.window = self._address("reader"), self._address("window")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C, and its exit status."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def said(self) -> str:
        """Standard error."""
        self._said.seek(0)
        return self._said.read()

    def left_running(self) -> dict[int, str]:
        """Processes whose command lines name this demo's folder."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if os.fsencode(self.out) in line:
                found[int(folder.name)] = line.replace(b"\0", b" ").decode()
        return found

    def _address(self, which: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(rf"{which}:\s+(http\S+)", line):
                return found[1]
        raise AssertionError(self.said())


@contextmanager
def running_demo(out: Path, *options: str) -> Iterator[Demo]:
    demo = Demo(out, *options)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.end()


@contextmanager
def browser_with(clip: Path | None = None) -> Iterator[Browser]:
    """Debian's Chromium, with `clip` (concatenated JPEGs, .mjpeg) as its webcam."""
    options: Sequence[str] = QUIET
    if clip is not None:
        options = (*QUIET, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        options = (*options, f"--use-file-for-fake-video-capture={clip}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(options))
        yield browser
        browser.close()


def write_clip(file: Path, frames: Sequence[Frame]) -> None:
    """A clip as Chromium plays it in place of a webcam: one JPEG after the other."""
    with file.open("wb") as stream:
        for frame in frames:
            picture = io.BytesIO()
            Image.fromarray(frame).save(picture, "JPEG", quality=92)
            stream.write(picture.getvalue())


def swaying(frame: Frame, half: int = 12) -> list[Frame]:
    """The same person, `half` pixels to and fro, one a frame: no two frames in a row are the same."""
    return [np.roll(frame, half - abs(half - step), axis=1) for step in range(2 * half)]


class Visitor:
    """Eyes and hands before the reader's page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        """Errors of the page, and requests to other hosts."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: self._asked(request.url))

    def open(self, address: str) -> "Visitor":
        self.page.goto(address)
        self.see_screen()
        return self

    def see_screen(self, name: str = "") -> None:
        """Wait until the reader's screen shows `name`, or anything."""
        wanted = f'#screen[data-screen="{name}"]' if name else "#screen[data-screen]"
        self.page.wait_for_selector(wanted, timeout=PATIENCE_MS)

    def notice(self, text: str) -> None:
        """Wait for a notice that says `text`."""
        self.page.wait_for_selector(f'#notice:has-text("{text}")', timeout=PATIENCE_MS)

    def do(self, selector: str) -> None:
        """Click something beside the screen."""
        self.page.click(selector)

    def place(self, persona: str) -> None:
        """Lay a card down, and see the reader take it."""
        self.see_screen("place_card")
        self.do(f'[data-persona="{persona}"]')
        self.do("#place")
        self.page.wait_for_selector("#lift:visible", timeout=PATIENCE_MS)

    def leave(self) -> None:
        """Take the card, and let the reader come to its next patient."""
        if self.page.is_visible("#lift"):
            self.do("#lift")
        self.see_screen("place_card")

    def place_of(self, screen: Screen, area: str) -> tuple[float, float]:
        """Where an area is on the page, in its pixels."""
        box = self.page.locator("#screen").bounding_box()
        assert box is not None
        x, y = screen.draw(LOOK).areas[area].centre
        width, height = LOOK.size
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def tap(self, screen: Screen, area: str) -> None:
        """Wait for a screen, and touch an area of it."""
        self.see_screen(screen.name)
        self.page.wait_for_timeout(REACTION_MS)
        self.page.mouse.click(*self.place_of(screen, area))

    def type(self, keys: Sequence[str], answers: str) -> None:
        """Wait for a screen, then press keys of the keyboard."""
        self.see_screen(answers)
        self.page.wait_for_timeout(REACTION_MS)
        for key in keys:
            self.page.keyboard.press(key)

    def _asked(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.faults.append(url)


def shows(visitor: Visitor, screen: Screen, look: Look = LOOK) -> None:
    """Wait until the canvas holds exactly what Pillow draws."""
    wanted = hashlib.sha256(screen.draw(look).image.tobytes()).hexdigest()
    visitor.page.wait_for_function(f"async () => await ({PIXELS})() === '{wanted}'")
