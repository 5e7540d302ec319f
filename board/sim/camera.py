"""The virtual reader's two cameras: one looks at the patient, one at the printed face of the card."""

import contextlib
import json
import socket
import time
from asyncio import to_thread
from io import BufferedRWPair
from pathlib import Path

import numpy as np

from board.contracts import CameraFault, Frame
from board.sim.dock import LINE_CAP, PIXEL_CAP

FRAMES_PER_SECOND = 24


class DockCamera:
    """Camera on the dock: a new frame every 1/24 s, like a sensor that runs at that rate.

    A dock that is away, breaks off or says what its protocol does not allow is a camera that is gone; one that does not
    answer is a stalled camera. Either is connected again for the next frame.
    """

    def __init__(self, dock: Path) -> None:
        self._dock = dock
        self._stream: BufferedRWPair | None = None
        self._due = time.monotonic()

    def frame(self, timeout_s: float) -> Frame | CameraFault:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due, time.monotonic()) + 1 / FRAMES_PER_SECOND
        try:
            seen = self._ask(timeout_s)
        except TimeoutError:
            self.close()
            return CameraFault.STALLED
        except (OSError, ValueError, TypeError, LookupError):
            self.close()
            return CameraFault.GONE
        if seen is CameraFault.STALLED:
            time.sleep(timeout_s)
        return seen

    def close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):  # it tries to send what it still holds
                self._stream.close()
            self._stream = None

    def _ask(self, timeout_s: float) -> Frame | CameraFault:
        self._stream = self._stream or _connect(self._dock, "camera", timeout_s)
        self._stream.write(b"\n")
        self._stream.flush()
        head = json.loads(self._stream.readline(LINE_CAP))
        if "fault" in head:
            return CameraFault(head["fault"])
        width, height = head["width"], head["height"]
        if not 0 < width * height <= PIXEL_CAP:
            raise ValueError("a frame of no or too many pixels")
        return np.frombuffer(self._stream.read(width * height * 3), np.uint8).reshape(height, width, 3)


class DockCardFace:
    """CardFace on the dock. Simulated: no character is recognised, the dock tells what is printed on its card."""

    def __init__(self, dock: Path) -> None:
        self._stream = _connect(dock, "card_face")

    async def number_b(self) -> str | None:
        answer = json.loads(await to_thread(self._ask))["number_b"]
        return None if answer is None else str(answer)

    def _ask(self) -> bytes:
        self._stream.write(b"\n")
        self._stream.flush()
        return self._stream.readline() or b'{"number_b": null}'


def _connect(dock: Path, device: str, timeout_s: float | None = None) -> BufferedRWPair:
    """Whatever then takes longer than `timeout_s` raises TimeoutError."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(timeout_s)
    line.connect(str(dock))
    stream: BufferedRWPair = line.makefile("rwb")
    line.close()  # the stream keeps it open
    stream.write(json.dumps({"device": device}).encode() + b"\n")
    stream.flush()
    return stream
