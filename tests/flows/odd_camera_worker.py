"""A face worker whose camera is odd: `odd_camera_worker.py ODDITY [FIFO] --fd N`, with the real models."""

import itertools
import socket
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from board.contracts import Camera, CameraFault, Frame
from board.demo.portraits import camera_frame, load_faces
from firmware.face.engine import FaceEngine
from firmware.flows.face_worker import work

ROOT = Path(__file__).parents[2]


class OddCamera:
    """Gives the same frames or faults over and over, each at once."""

    def __init__(self, *gives: Frame | CameraFault) -> None:
        self._next = itertools.cycle(gives)

    def frame(self, timeout_s: float) -> Frame | CameraFault:
        return next(self._next)

    def close(self) -> None: ...


class HangingCamera(OddCamera):
    """Its driver never returns, until somebody opens `fifo` to write."""

    def __init__(self, fifo: Path) -> None:
        self._fifo = fifo

    def frame(self, timeout_s: float) -> Frame | CameraFault:
        self._fifo.read_bytes()
        return CameraFault.GONE


def open_camera() -> Camera:
    patient = Image.fromarray(camera_frame(load_faces().patient))
    match sys.argv[1]:
        case "absent":
            raise FileNotFoundError("no such camera")
        case "grey":
            return OddCamera(np.zeros((480, 640), np.uint8))
        case "huge":
            return OddCamera(np.broadcast_to(np.uint8(0), (8000, 8000, 3)))
        case "gone":
            return OddCamera(CameraFault.GONE)
        case "hangs":
            return HangingCamera(Path(sys.argv[2]))
        case "changes":
            sizes = ((640, 480), (1, 1), (2560, 1920), (1920, 1080), (4096, 1))
            return OddCamera(*(np.asarray(patient.resize(size)) for size in sizes))
    raise AssertionError(sys.argv[1])


if __name__ == "__main__":
    end = socket.socket(fileno=int(sys.argv[-1]))
    work(open_camera, FaceEngine.load(ROOT / "build/models", ROOT / "models/manifest.toml"), end)
