"""The fine shape of one face: 468 points (MediaPipe face mesh)."""

import numpy as np
from PIL import Image

from firmware.face.align import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from firmware.face.detect import Face
from firmware.face.geometry import Points, Similarity, warp
from firmware.tflite import Interpreter

SIDE = 192
"""Pixels; the input is square."""
_MARGIN = 1.5
"""The square looked at, in sizes of the face's box."""
_PASSES = 2
"""The second pass looks at the square that the first one found, which steadies the points."""
_MIN_PRESENCE = 0.5


class Mesher:
    """Lays the mesh on a face."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def points(self, picture: Image.Image, face: Face) -> Points | None:
        """468 x 2 in pixels of the RGB `picture`, or None where on a closer look there is no face."""
        centre, size = face.centre, max(face.width, face.height)
        eyes = face.points[:2]
        points: Points | None = None
        for _ in range(_PASSES):
            points = self._look(picture, centre, size, eyes)
            if points is None:
                return None
            low, high = points.min(0), points.max(0)
            centre, size = (low + high) / 2, float((high - low).max())
            eyes = points[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
        return points

    def _look(self, picture: Image.Image, centre: Points, size: float, eyes: Points) -> Points | None:
        x, y = eyes[1] - eyes[0]
        square = Similarity.onto_square(centre, size * _MARGIN, float(np.arctan2(y, x)), SIDE)
        outputs = self._interpreter.run(np.asarray(warp(picture, square, SIDE), np.float32)[None] / 255)
        mesh, presence = sorted((output.reshape(-1) for output in outputs.values()), key=len, reverse=True)
        if 1 / (1 + np.exp(-presence[0])) < _MIN_PRESENCE:
            return None
        return square.undo(mesh.reshape(-1, 3)[:, :2].astype(np.float64))
