"""Where faces are: a single-shot detector for faces within about two metres (BlazeFace, short range)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware.face.geometry import Points
from firmware.tflite import Floats, Interpreter

SIDE = 128
"""Pixels; the input is square."""
_ANCHORS_PER_CELL = ((8, 2), (16, 6))
"""Stride in pixels and anchors at each cell; the strides 16, 16, 16 share their cells."""
_MIN_SCORE = 0.5
_SAME_FACE_OVERLAP = 0.3


@dataclass(frozen=True)
class Face:
    """A face in pixels of the picture. `points`: 6 x 2, right eye, left eye, nose, mouth, right ear, left ear."""

    left: float
    top: float
    width: float
    height: float
    points: Points
    score: float

    @property
    def centre(self) -> Points:
        """The middle of the box."""
        return np.array([self.left + self.width / 2, self.top + self.height / 2])


class Detector:
    """Finds faces in a picture."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._anchors = _anchors()

    def find(self, picture: Image.Image) -> list[Face]:
        """Faces in the RGB `picture`, the surest first."""
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        letterbox = Image.new("RGB", (SIDE, SIDE))
        corner = ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2)
        letterbox.paste(picture.resize(size, Image.Resampling.BILINEAR), corner)
        outputs = self._interpreter.run(np.asarray(letterbox, np.float32)[None] / 127.5 - 1)
        scores = outputs["classificators"][0, :, 0]
        probable = scores > np.log(_MIN_SCORE / (1 - _MIN_SCORE))
        regressed = outputs["regressors"][0, probable].reshape(-1, 8, 2).astype(np.float64)
        regressed[:, [0, *range(2, 8)]] += self._anchors[probable][:, None]
        return [
            _face(merged, score, np.array(corner), scale)
            for merged, score in _merge(regressed, 1 / (1 + np.exp(-scores[probable])))
        ]


def _anchors() -> NDArray[np.float64]:
    """896 x 2: centres of the detector's cells, in its input's pixels."""
    centres = []
    for stride, count in _ANCHORS_PER_CELL:
        cells = (np.arange(SIDE // stride) + 0.5) * stride
        grid = np.stack(np.meshgrid(cells, cells), -1).reshape(-1, 2)
        centres.append(np.repeat(grid, count, axis=0))
    return np.concatenate(centres)


def _merge(regressed: NDArray[np.float64], scores: Floats) -> list[tuple[NDArray[np.float64], float]]:
    """Candidates that overlap become one, their mean weighted by score. Rows: centre, size, six points."""
    left = regressed[:, 0] - regressed[:, 1] / 2
    right = left + regressed[:, 1]
    area = regressed[:, 1].prod(1)
    waiting = np.argsort(-scores)
    merged = []
    while waiting.size:
        best = waiting[0]
        shared = np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting])
        overlap = shared.clip(0).prod(1)
        same = overlap / (area[best] + area[waiting] - overlap) > _SAME_FACE_OVERLAP
        same[0] = True
        weights = scores[waiting[same]] / scores[waiting[same]].sum()
        merged.append((np.tensordot(weights, regressed[waiting[same]], 1), float(scores[best])))
        waiting = waiting[~same]
    return merged


def _face(row: NDArray[np.float64], score: float, corner: NDArray[np.int64], scale: float) -> Face:
    width, height = row[1] / scale
    left, top = (row[0] - row[1] / 2 - corner) / scale
    return Face(float(left), float(top), float(width), float(height), (row[2:] - corner) / scale, score)
