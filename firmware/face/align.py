"""How a face is laid into a recogniser's input."""

from dataclasses import dataclass

import numpy as np

from firmware.face.geometry import Points, Similarity

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""Corners of the eyes, as the mesh numbers its points."""


@dataclass(frozen=True)
class Template:
    """Points of the mesh are laid on given places, with the least squared error."""

    mesh_points: tuple[tuple[int, ...], ...]
    """Each group stands for its mean: the corners of an eye for its middle."""
    places: Points
    """One for each group, as fractions of the input."""

    def similarity(self, mesh: Points, side: int) -> Similarity:
        """Carries a face with these 468 mesh points onto side x side pixels."""
        return Similarity.between(
            np.stack([mesh[list(group)].mean(0) for group in self.mesh_points]), self.places * side
        )


@dataclass(frozen=True)
class Square:
    """The square around the mesh, its sides along and across the eyes."""

    scale: float
    """Side of the square, in the mesh's larger extent."""
    down: float
    """How far its middle is below that of the mesh, in the same."""

    def similarity(self, mesh: Points, side: int) -> Similarity:
        """Carries a face with these 468 mesh points onto side x side pixels."""
        x, y = mesh[LEFT_EYE_OUTER] - mesh[RIGHT_EYE_OUTER]
        turn = np.array([[x, -y], [y, x]]) / np.hypot(x, y)
        upright = mesh @ turn
        low, high = upright.min(0), upright.max(0)
        size = float((high - low).max())
        centre = turn @ ((low + high) / 2 + (0, self.down * size))
        return Similarity.onto_square(centre, self.scale * size, float(np.arctan2(y, x)), side)


Alignment = Template | Square
