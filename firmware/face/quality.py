"""Whether a camera picture is good enough to compare, and if not, what the patient should do about it."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

from firmware.face.detect import Face


class Guidance(Enum):
    """What stands between the patient and a good picture; the values are the screen's keys."""

    NO_FACE = "no_face"
    MANY_FACES = "many_faces"
    TOO_FAR = "too_far"
    TOO_CLOSE = "too_close"
    OFF_CENTRE = "off_centre"
    TOO_DARK = "too_dark"
    BLURRED = "blurred"
    GOOD = "good"


@dataclass(frozen=True)
class Limits:
    """All the limits in one place. Lengths are fractions of the picture's shorter side."""

    smallest_face: float = 0.20
    largest_face: float = 0.85
    furthest_from_centre: float = 0.25
    """Of the middle of the face from the middle of the picture."""
    rival_face: float = 0.5
    """Another face at least this fraction of the first one's width: it is unclear whose turn it is."""
    darkest_face: float = 40.0
    """Mean luminance, 0-255."""
    dimmest_picture: float = 20.0
    """Mean luminance below which no face need be looked for."""
    dullest_edges: float = 7.0
    """Mean absolute second difference of luminance, over its spread in per cent, in a face of 64 pixels."""


LIMITS = Limits()
_FACE_SIDE = 64


def assess(picture: Image.Image, faces: list[Face], limits: Limits = LIMITS) -> Guidance:
    """The first thing to mend in the RGB `picture`, in which `faces` were found, the one meant first."""
    if not faces:
        dark = float(np.asarray(picture.resize((16, 16)).convert("L")).mean()) < limits.dimmest_picture
        return Guidance.TOO_DARK if dark else Guidance.NO_FACE
    face, *others = faces
    if any(other.width >= limits.rival_face * face.width for other in others):
        return Guidance.MANY_FACES
    side = min(picture.size)
    if face.width < limits.smallest_face * side:
        return Guidance.TOO_FAR
    if face.width > limits.largest_face * side:
        return Guidance.TOO_CLOSE
    if np.abs(face.centre - np.array(picture.size) / 2).max() > limits.furthest_from_centre * side:
        return Guidance.OFF_CENTRE
    luminance = _luminance(picture, face)
    if luminance.mean() < limits.darkest_face:
        return Guidance.TOO_DARK
    if _edges(luminance) < limits.dullest_edges:
        return Guidance.BLURRED
    return Guidance.GOOD


def _luminance(picture: Image.Image, face: Face) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The face's box as 64 x 64 grey values."""
    box = (face.left, face.top, face.left + face.width, face.top + face.height)
    inside = (max(0.0, box[0]), max(0.0, box[1]), min(box[2], picture.width), min(box[3], picture.height))
    grey = picture.resize((_FACE_SIDE, _FACE_SIDE), Image.Resampling.BILINEAR, box=inside).convert("L")
    return np.asarray(grey, np.float32)


def _edges(luminance: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """How much fine detail there is, whatever the contrast."""
    across = np.abs(np.diff(luminance, 2, axis=1)).mean()
    down = np.abs(np.diff(luminance, 2, axis=0)).mean()
    return float(50 * (across + down) / max(float(luminance.std()), 1.0))
