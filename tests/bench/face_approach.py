"""Somebody who comes up to the reader, simulated: a still portrait that is panned and zoomed in an empty room."""

import numpy as np
from PIL import Image

from board.contracts import Frame
from board.demo.portraits import camera_frame, load_faces
from board.demo.visits import empty_room

FRAMES_PER_SECOND = 24
"""As the reader's camera takes them."""
SECONDS = 2.0
SIZE = (640, 480)
FAR = 0.3
"""Of the size at which a face is right."""
ASIDE = 0.3
"""Of the picture's width, from its middle, where the person begins."""


def approach() -> list[Frame]:
    """From far away and aside to the right place, slowing down; public-domain portraits, the patient's own."""
    still = Image.fromarray(camera_frame(load_faces().patient, SIZE))
    steps = np.linspace(0, 1, round(SECONDS * FRAMES_PER_SECOND))
    return [_seen(still, float(1 - (1 - step) ** 2)) for step in steps]


def _seen(still: Image.Image, there: float) -> Frame:
    """The person when `there` of the way is gone."""
    width, height = SIZE
    scale = FAR + (1 - FAR) * there
    small = still.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC, reducing_gap=2.0)
    room = Image.fromarray(empty_room(SIZE))
    room.paste(small, (round(width * (0.5 - ASIDE * (1 - there)) - small.width / 2), height - small.height))
    return np.asarray(room)
