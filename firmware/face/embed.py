"""One face as one vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

from firmware.face.geometry import Points, warp
from firmware.face.manifest import Recogniser
from firmware.tflite import Floats, Interpreter


@dataclass(frozen=True, eq=False, repr=False)
class Embedding:
    """A face as one vector: a part of length 1 from each recogniser. It is personal data: wipe it."""

    vector: Floats

    def wipe(self) -> None:
        """Overwrites the numbers."""
        self.vector.fill(0)


class Embedder:
    """Runs the recognisers on a face."""

    def __init__(self, recognisers: Sequence[tuple[Recogniser, Interpreter]]) -> None:
        self._recognisers = recognisers

    def embed(self, picture: Image.Image, mesh: Points) -> Embedding:
        """The face in the RGB `picture` whose 468 mesh points are given."""
        parts = [_part(recogniser, interpreter, picture, mesh) for recogniser, interpreter in self._recognisers]
        return Embedding(np.concatenate(parts))


def _part(recogniser: Recogniser, interpreter: Interpreter, picture: Image.Image, mesh: Points) -> Floats:
    face = warp(picture, recogniser.alignment.similarity(mesh, recogniser.side), recogniser.side)
    value = _fed(recogniser, face)
    vector = _run(recogniser, interpreter, value)
    return unit(vector + _run(recogniser, interpreter, value[:, :, ::-1])) if recogniser.mirror else vector


def _fed(recogniser: Recogniser, face: Image.Image) -> Floats:
    """1 x side x side x 3. Channel by channel: numpy is slow over a last axis of three."""
    pixels = np.asarray(face)
    value = np.empty((1, *pixels.shape), np.float32)
    for channel, mean in enumerate(recogniser.subtract):
        np.subtract(pixels[..., 2 - channel if recogniser.bgr else channel], mean, out=value[0, ..., channel])
    value /= recogniser.divide
    return value


def _run(recogniser: Recogniser, interpreter: Interpreter, value: Floats) -> Floats:
    (vector,) = interpreter.run(value).values()
    numbers = vector.reshape(-1)
    return unit(np.sqrt(np.maximum(numbers, 0)) if recogniser.root else numbers)


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length 1."""
    return cast(Floats, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))
