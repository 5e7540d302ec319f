"""Cutting a straightened square out of a picture."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Points = NDArray[np.float64]
"""N x 2, x then y, in pixels."""


class Similarity:
    """A turn, a scale and a shift that carry points of one picture to another: p -> A p + b."""

    def __init__(self, matrix: NDArray[np.float64], shift: NDArray[np.float64]) -> None:
        self.matrix = matrix
        self.shift = shift

    @classmethod
    def between(cls, source: Points, target: Points) -> Self:
        """The one that carries `source` onto `target` with the least squared error (Umeyama 1991)."""
        source_mean, target_mean = source.mean(0), target.mean(0)
        centred_source, centred_target = source - source_mean, target - target_mean
        u, singular, vt = np.linalg.svd(centred_target.T @ centred_source)
        mirror = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
        spread = float((centred_source**2).sum())
        matrix = (u * mirror) @ vt * (float((singular * mirror).sum()) / spread)
        return cls(matrix, target_mean - matrix @ source_mean)

    @classmethod
    def onto_square(cls, centre: Points, size: float, angle: float, side: int) -> Self:
        """Carries the square around `centre`, `size` pixels wide and turned by `angle` (radians), onto side x side."""
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.array([[cosine, sine], [-sine, cosine]]) * (side / size)
        return cls(matrix, np.full(2, side / 2) - matrix @ centre)

    @property
    def scale(self) -> float:
        """Target pixels per source pixel."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def apply(self, points: Points) -> Points:
        """`points` of the source picture, in the target picture."""
        return points @ self.matrix.T + self.shift

    def undo(self, points: Points) -> Points:
        """`points` of the target picture, in the source picture."""
        return (points - self.shift) @ np.linalg.inv(self.matrix).T


def warp(picture: Image.Image, similarity: Similarity, side: int) -> Image.Image:
    """The side x side square that `similarity` carries out of `picture`; black where nothing was.

    A picture that shrinks is reduced by a whole factor first, else details finer than the new pixels would
    come out as noise.
    """
    inverse = np.linalg.inv(similarity.matrix)
    offset = -inverse @ similarity.shift
    factor = max(1, int(1 / similarity.scale))
    if factor > 1:
        source = _around(picture, similarity, side)
        picture = picture.reduce(factor, box=source)
        offset = offset - np.array(source[:2])
    coefficients = [*inverse[0], offset[0], *inverse[1], offset[1]]
    reduced = [float(value) / factor for value in coefficients]
    return picture.transform((side, side), Image.Transform.AFFINE, reduced, Image.Resampling.BILINEAR)


def _around(picture: Image.Image, similarity: Similarity, side: int) -> tuple[int, int, int, int]:
    """The part of `picture` that the square covers: left, top, right, bottom."""
    corners = similarity.undo(np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64))
    left, top = np.floor(corners.min(0)).astype(int)
    right, bottom = np.ceil(corners.max(0)).astype(int)
    left, top = max(0, min(left, picture.width - 1)), max(0, min(top, picture.height - 1))
    return left, top, max(left + 1, min(right, picture.width)), max(top + 1, min(bottom, picture.height))
