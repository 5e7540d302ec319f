"""From pictures to embeddings: the card's photo and what the camera sees."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from firmware.face.detect import SIDE as DETECTOR_SIDE
from firmware.face.detect import Detector, Face
from firmware.face.embed import Embedder, Embedding
from firmware.face.geometry import Points
from firmware.face.manifest import Manifest, ModelError, PinnedFile, Recogniser
from firmware.face.mesh import SIDE as MESH_SIDE
from firmware.face.mesh import Mesher
from firmware.face.photo import PhotoError, open_photo
from firmware.face.quality import Guidance, assess
from firmware.tflite import Interpreter, ModelRefused

Frame = NDArray[np.uint8]
"""Height x width x 3, RGB, 0-255."""
MAX_FRAME_SIDE = 4096
"""Pixels. No face gains by more, and each costs memory and time: a camera that has more is read at less."""


class FrameError(ValueError):
    """What came is no camera picture; the text says what it is, and what it must be."""


@dataclass(frozen=True, eq=False, repr=False)
class Sighting:
    """What one camera picture shows."""

    guidance: Guidance
    box: tuple[float, float, float, float] | None
    """Left, top, width, height of the face as fractions of the picture."""
    mesh: Points | None
    """468 x 2 in pixels of the picture."""


class FaceVision:
    """Finds and embeds faces. It keeps nothing of anyone between calls but what the models' memory holds."""

    def __init__(self, manifest: Manifest, models_dir: Path) -> None:
        """Reads the models of `manifest` in `models_dir`. Raises ModelError."""
        self._detector = Detector(_interpreter(manifest.detector, models_dir, DETECTOR_SIDE))
        self._mesher = Mesher(_interpreter(manifest.mesh, models_dir, MESH_SIDE))
        self._embedder = Embedder(
            [(recogniser, _of_recogniser(recogniser, models_dir)) for recogniser in manifest.recognisers]
        )

    def reference(self, jp2: bytes) -> Embedding:
        """The face on the card's photo, at most 64 KiB and 4 million pixels. Raises PhotoError."""
        picture = open_photo(jp2)
        faces = self._faces(picture)
        mesh = self._mesher.points(picture, faces[0]) if faces else None
        if mesh is None:
            raise PhotoError("no face")
        return self._embedder.embed(picture, mesh)

    def look(self, frame: Frame) -> Sighting:
        """What a camera picture shows, and whether it is good enough for `live`. Raises FrameError."""
        picture = _picture(frame)
        faces = self._faces(picture)
        mesh = self._mesher.points(picture, faces[0]) if faces else None
        if mesh is None:
            return Sighting(assess(picture, []), None, None)
        face, (width, height) = faces[0], picture.size
        box = (face.left / width, face.top / height, face.width / width, face.height / height)
        return Sighting(assess(picture, faces), box, mesh)

    def live(self, frame: Frame, sighting: Sighting) -> Embedding:
        """The face that `look` saw in this frame. Raises ValueError where it saw none."""
        if sighting.mesh is None:
            raise ValueError("no face was sighted")
        return self._embedder.embed(_picture(frame), sighting.mesh)

    def _faces(self, picture: Image.Image) -> list[Face]:
        """The one meant first: large, because nearest to the reader, and in the middle."""
        middle = np.array(picture.size) / 2
        return sorted(self._detector.find(picture), key=lambda face: np.hypot(*(face.centre - middle)) - face.width)


def _picture(frame: Frame) -> Image.Image:
    """Raises FrameError."""
    pixels = np.asarray(frame)  # whatever it is: a driver may give what no type checker saw
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise FrameError(f"frame of {pixels.dtype} {pixels.shape}, not of uint8 (height, width, 3)")
    if not 0 < min(pixels.shape) <= max(pixels.shape) <= MAX_FRAME_SIDE:
        raise FrameError(f"frame of {pixels.shape}, not with sides of 1 to {MAX_FRAME_SIDE} pixels")
    return Image.fromarray(pixels)


def _interpreter(file: PinnedFile, folder: Path, side: int) -> Interpreter:
    try:
        interpreter = Interpreter(file.read(folder))
    except ModelRefused as error:
        raise ModelError(file.name, str(error)) from error
    if interpreter.input_shape != (1, side, side, 3):
        shape = " x ".join(map(str, interpreter.input_shape))
        raise ModelError(
            file.name, f"takes {shape} numbers, not 1 x {side} x {side} x 3 as `input` in the manifest says"
        )
    return interpreter


def _of_recogniser(recogniser: Recogniser, folder: Path) -> Interpreter:
    interpreter = _interpreter(recogniser.file, folder, recogniser.side)
    if interpreter.output_sizes != (recogniser.size,):
        sizes = " and ".join(map(str, interpreter.output_sizes))
        raise ModelError(
            recogniser.file.name, f"gives {sizes} numbers, not {recogniser.size} as `output` in the manifest says"
        )
    return interpreter
