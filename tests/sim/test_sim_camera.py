"""The virtual reader's camera before a dock that is away, silent, or talks nonsense."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from board.contracts import CameraFault
from board.sim.camera import DockCamera

TIMEOUT_S = 0.2
PIXELS = bytes(range(24))
FRAME = b'{"width": 4, "height": 2}\n' + PIXELS


@contextmanager
def dock_that_says(socket_file: Path, *answers: bytes, silent: bool = False) -> Iterator[DockCamera]:
    """One answer on each connection; a silent dock stays on the line after it, another one hangs up."""
    server = socket.create_server(str(socket_file), family=socket.AF_UNIX)
    lines: list[socket.socket] = []

    def serve() -> None:
        for answer in answers:
            lines.append(server.accept()[0])
            with lines[-1].makefile("rb") as asked:
                assert asked.readline() == b'{"device": "camera"}\n'
                asked.readline()
            lines[-1].sendall(answer)
            if not silent:
                lines[-1].shutdown(socket.SHUT_RDWR)

    serving = Thread(target=serve)
    serving.start()
    camera = DockCamera(socket_file)
    try:
        yield camera
        serving.join()
    finally:
        camera.close()
        for line in (*lines, server):
            line.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"hello\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b"7\n",
        b'{"fault": "melted"}\n',
        b'{"fault": []}\n',
        b'{"width": 0, "height": 2}\n',
        b'{"width": -4, "height": -2}\n' + PIXELS,
        b'{"width": "4", "height": 2}\n' + PIXELS,
        b'{"width": 0.5, "height": 2}\n' + PIXELS,
        b'{"width": NaN, "height": 2}\n' + PIXELS,
        b'{"width": Infinity, "height": 2}\n' + PIXELS,
        b'{"width": 1000000, "height": 1000000}\n' + PIXELS,
        FRAME[:-1],
        b'{"width": 4' + b" " * 8000 + b"}\n",
    ],
    ids=lambda nonsense: repr(nonsense[:32]),
)
def test_dock_that_breaks_off_or_talks_nonsense_is_a_camera_that_is_gone_and_may_come_back(
    tmp_path: Path, nonsense: bytes
) -> None:
    with dock_that_says(tmp_path / "dock", nonsense, FRAME) as camera:
        assert camera.frame(TIMEOUT_S) is CameraFault.GONE
        assert np.array_equal(camera.frame(TIMEOUT_S), np.frombuffer(PIXELS, np.uint8).reshape(2, 4, 3))


@pytest.mark.parametrize("begun", [b"", b'{"width"', FRAME[:-1]], ids=["at once", "in its line", "in a frame"])
def test_dock_that_falls_silent_is_a_stalled_camera_and_may_come_back(tmp_path: Path, begun: bytes) -> None:
    with dock_that_says(tmp_path / "dock", begun, FRAME, silent=True) as camera:
        assert camera.frame(TIMEOUT_S) is CameraFault.STALLED
        assert np.array_equal(camera.frame(TIMEOUT_S), np.frombuffer(PIXELS, np.uint8).reshape(2, 4, 3))


def test_dock_that_is_not_there_is_a_camera_that_is_gone(tmp_path: Path) -> None:
    assert DockCamera(tmp_path / "dock").frame(TIMEOUT_S) is CameraFault.GONE
