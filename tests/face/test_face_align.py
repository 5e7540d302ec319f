"""Where a face comes to lie in a recogniser's input."""

import numpy as np
import pytest

from firmware.face.align import Square, Template

RIGHT_EYE, LEFT_EYE = 33, 263


@pytest.fixture
def mesh() -> np.ndarray:
    """468 points in a box of 100 x 160 around (300, 200), eyes level."""
    points = np.random.default_rng(1).uniform((250, 120), (350, 280), (468, 2))
    points[:2] = (250, 120), (350, 280)
    points[[RIGHT_EYE, LEFT_EYE]] = (270, 170), (330, 170)
    return points


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_square_is_larger_than_the_mesh_and_below_it(mesh: np.ndarray) -> None:
    similarity = Square(1.5, 0.05).similarity(mesh, 96)
    corners = similarity.undo(np.array([[0.0, 0.0], [96.0, 96.0]]))
    assert corners == pytest.approx(np.array([[180, 88], [420, 328]]))


@pytest.mark.parametrize("degrees", [-40, 15, 90])
def test_square_turns_with_the_head(mesh: np.ndarray, degrees: float) -> None:
    places = np.array([[0.0, 0.0], [96.0, 0.0], [10.0, 70.0]])
    level = Square(1.3, 0.04).similarity(mesh, 96).undo(places)
    again = Square(1.3, 0.04).similarity(turned(mesh, degrees), 96).undo(places)
    assert again == pytest.approx(turned(level, degrees))


def test_means_of_mesh_points_come_to_lie_on_the_template(mesh: np.ndarray) -> None:
    mesh[[10, 11]] = (100, 100), (120, 100)
    mesh[20] = (110, 150)
    similarity = Template(((10, 11), (20,)), np.array([[0.5, 0.25], [0.5, 0.75]])).similarity(mesh, 112)
    assert similarity.undo(np.array([[56.0, 28.0], [56.0, 84.0]])) == pytest.approx(np.array([[110, 100], [110, 150]]))
