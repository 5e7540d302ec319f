"""One face as one vector."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image, ImageOps

from firmware.face.geometry import Points, Similarity, warp
from firmware.face.manifest import Recogniser
from firmware.tflite import Floats, Interpreter


@dataclass(frozen=True, eq=False, repr=False)
class Embedding:
    """A face as a vector of length 1. It is personal data: wipe it."""

    vector: Floats

    def wipe(self) -> None:
        """Overwrites the numbers."""
        self.vector.fill(0)


class Embedder:
    """Runs the recogniser on a face and on its mirror image; the mean of both is steadier than either."""

    def __init__(self, interpreter: Interpreter, recogniser: Recogniser) -> None:
        self._interpreter = interpreter
        self._recogniser = recogniser

    def embed(self, picture: Image.Image, mesh: Points) -> Embedding:
        """The face in the RGB `picture` whose 468 mesh points are given."""
        recogniser = self._recogniser
        similarity = Similarity.between(mesh[list(recogniser.mesh_points)], recogniser.template)
        face = warp(picture, similarity, recogniser.side)
        vector = self._run(face) + self._run(ImageOps.mirror(face))
        return Embedding(unit(vector))

    def _run(self, face: Image.Image) -> Floats:
        pixels = np.asarray(face, np.float32)
        if self._recogniser.bgr:
            pixels = pixels[..., ::-1]
        scaled = (pixels - self._recogniser.subtract) / self._recogniser.divide
        (vector,) = self._interpreter.run(scaled[None].astype(np.float32, copy=False)).values()
        return unit(vector.reshape(-1))


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1."""
    return cast(Floats, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
