"""Cutting a straightened square out of a picture."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Points = NDArray[np.float64]
"""N x 2, x then y, in pixels."""
_Plane = NDArray[np.complex128]
"""The same points as x + iy: a turn, a scale and a shift are then one product and one sum."""


@dataclass(frozen=True)
class Similarity:
    """A turn, a scale and a shift that carry points of one picture to another: p -> factor p + shift, p = x + iy."""

    factor: complex
    shift: complex

    @classmethod
    def between(cls, source: Points, target: Points) -> Self:
        """The one that carries `source` onto `target` with the least squared error."""
        p, q = _plane(source), _plane(target)
        centred = p - p.mean()
        factor = complex(np.vdot(centred, q - q.mean()) / np.vdot(centred, centred).real)
        return cls(factor, complex(q.mean() - factor * p.mean()))

    @classmethod
    def onto_square(cls, centre: Points, size: float, angle: float, side: int) -> Self:
        """Carries the square around `centre`, `size` pixels wide and turned by `angle` (radians), onto side x side."""
        factor = complex(side / size * np.exp(-1j * angle))
        return cls(factor, side / 2 * (1 + 1j) - factor * complex(*centre))

    def undo(self, points: Points) -> Points:
        """`points` of the target picture, in the source picture."""
        plane = (_plane(points) - self.shift) / self.factor
        return np.stack([plane.real, plane.imag], axis=-1)


def warp(picture: Image.Image, similarity: Similarity, side: int) -> Image.Image:
    """The side x side square that `similarity` carries out of `picture`; black where nothing was.

    A picture that shrinks is reduced by a whole factor first, else details finer than the new pixels would
    come out as noise.
    """
    turn, offset = 1 / similarity.factor, -similarity.shift / similarity.factor
    shrinkage = max(1, int(abs(turn)))
    if shrinkage > 1:
        part = _covered(picture, similarity, side)
        picture = picture.reduce(shrinkage, box=part)
        offset -= complex(*part[:2])
    turn, offset = turn / shrinkage, offset / shrinkage
    coefficients = (turn.real, -turn.imag, offset.real, turn.imag, turn.real, offset.imag)
    return picture.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def _covered(picture: Image.Image, similarity: Similarity, side: int) -> tuple[int, int, int, int]:
    """The part of `picture` that the square covers, at least one pixel: left, top, right, bottom."""
    corners = similarity.undo(np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64))
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    left, top = (min(max(0, floor(low)), size - 1) for low, size in zip((left, top), picture.size, strict=True))
    right, bottom = (min(ceil(high), size) for high, size in zip((right, bottom), picture.size, strict=True))
    return left, top, max(left + 1, right), max(top + 1, bottom)


def _plane(points: Points) -> _Plane:
    plane: _Plane = points[:, 0] + 1j * points[:, 1]
    return plane
