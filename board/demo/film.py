"""Keeps what the screen showed, as PNG files that tell each visit in order."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from PIL import Image

MOVING = "look_at_camera"
MOVING_EVERY_S = 0.5
"""The camera's screen changes with every frame; one picture in so long is kept."""


class Film:
    """Writes each picture the dock shows into `folder`, as VISIT-NUMBER-SCREEN.png."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._visit = "0_start"
        self._number = 0
        self._last: tuple[str, float] = ("", 0.0)
        self._writer = ThreadPoolExecutor(1, "film")
        self._written: list[Future[None]] = []

    def visit(self, name: str) -> None:
        """The pictures that follow belong to this visit."""
        self._visit, self._number = name, 0

    def show(self, name: str, picture: Image.Image) -> None:
        """Keep one picture."""
        now = time.monotonic()
        if name == MOVING and self._last[0] == MOVING and now - self._last[1] < MOVING_EVERY_S:
            return
        self._last = (name, now)
        self._number += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._visit}-{self._number:02d}-{name}.png"
        self._written.append(self._writer.submit(picture.save, path, compress_level=3))

    def close(self) -> None:
        """Wait until every picture is on disk. Raises OSError where one could not be written."""
        for written in self._written:
            written.result()
        self._writer.shutdown()
