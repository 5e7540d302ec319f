"""The virtual reader's two cameras: one looks at the patient, one at the printed face of the card."""

import json
import socket
import time
from asyncio import to_thread
from io import BufferedRWPair
from pathlib import Path

import numpy as np

from board.contracts import CameraFault, Frame

FRAMES_PER_SECOND = 24


class DockCamera:
    """Camera on the dock: a new frame every 1/24 s, like a sensor that runs at that rate."""

    def __init__(self, dock: Path) -> None:
        self._stream = _connect(dock, "camera")
        self._due = time.monotonic()

    def frame(self, timeout_s: float) -> Frame | CameraFault:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = max(self._due, time.monotonic()) + 1 / FRAMES_PER_SECOND
        try:
            self._stream.write(b"\n")
            self._stream.flush()
            head = json.loads(self._stream.readline() or b'{"fault": "gone"}')
            if "fault" in head:
                return self._no_frame(CameraFault(head["fault"]), timeout_s)
            width, height = int(head["width"]), int(head["height"])
            pixels = self._stream.read(width * height * 3)
        except OSError:
            return self._no_frame(CameraFault.GONE, timeout_s)
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    def close(self) -> None:
        self._stream.close()

    @staticmethod
    def _no_frame(fault: CameraFault, timeout_s: float) -> CameraFault:
        """A stalled camera costs its caller the whole time-out; one that is gone says so quickly."""
        time.sleep(timeout_s if fault is CameraFault.STALLED else 0.1)
        return fault


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


def _connect(dock: Path, device: str) -> BufferedRWPair:
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(dock))
    stream: BufferedRWPair = line.makefile("rwb")
    line.close()  # the stream keeps it open
    stream.write(json.dumps({"device": device}).encode() + b"\n")
    stream.flush()
    return stream
