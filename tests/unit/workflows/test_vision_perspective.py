"""Mapping a quadrilateral to a rectangle."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from shared.errors import InvalidRequest
from shared.workflows.vision import perspective
from shared.workflows.vision.perspective import Plane

TRAPEZOID = np.array([(0, 100), (20, 0), (80, 0), (100, 100)], float)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_corners_are_ordered_whatever_order_they_come_in(order: Any) -> None:
    assert perspective.ordered(TRAPEZOID[list(order)]).tolist() == TRAPEZOID.tolist()


def test_quad_takes_a_polygon_or_the_largest_of_several() -> None:
    small = [[0, 0], [10, 0], [10, 10], [0, 10]]
    large = [[0, 0], [50, 0], [50, 50], [0, 50]]
    hexagon = [[0, 0], [90, 0], [99, 50], [90, 90], [0, 90], [-9, 50]]
    assert perspective.quad(small).tolist() == [[0, 10], [0, 0], [10, 0], [10, 10]]
    assert perspective.quad([small, large, hexagon])[3].tolist() == [50, 50]
    assert perspective.quad([np.array(small)])[3].tolist() == [10, 10]
    for bad in ([hexagon], [], [[1, 2, 3]], "text"):
        with pytest.raises(InvalidRequest, match="4 points"):
            perspective.quad(bad)


def test_corners_map_to_the_rectangle() -> None:
    plane = Plane.of(TRAPEZOID, 200, 50)
    assert (plane.width, plane.height) == (200, 50)
    assert plane.points(TRAPEZOID) == pytest.approx(np.array([(0, 49), (0, 0), (199, 0), (199, 49)]), abs=1e-3)


def test_boxes_and_image_of_a_mere_scaling() -> None:
    square = np.array([(0, 9), (0, 0), (9, 0), (9, 9)], float)
    plane = Plane.of(square, 19, 19)
    assert plane.boxes(np.array([[1, 2, 3, 4]])).tolist() == [[2, 4, 6, 8]]
    assert plane.boxes(np.zeros((0, 4))).shape == (0, 4)
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[4:, 4:] = 255
    seen = plane.image(pixels)
    assert seen.shape == (19, 19, 3)
    assert seen[12, 12].tolist() == [255, 255, 255]
    assert seen[4, 12].tolist() == [0, 0, 0]


SQUARE = np.array([(10, 30), (10, 10), (30, 10), (30, 30)], float)


@pytest.mark.parametrize(
    ("point", "corners", "across", "down"),
    [
        ((20, 20), [(10, 30), (10, 10), (30, 10), (30, 30)], 0, 0),
        ((4, 20), [(4, 30), (4, 10), (30, 10), (30, 30)], 6, 0),
        ((35, 20), [(10, 30), (10, 10), (35, 10), (35, 30)], 5, 0),
        ((20, 3), [(10, 30), (10, 3), (30, 3), (30, 30)], 0, 7),
        ((20, 38), [(10, 38), (10, 10), (30, 10), (30, 38)], 0, 8),
        ((5, 40), [(5, 40), (5, 10), (30, 10), (30, 40)], 5, 10),
    ],
)
def test_a_point_outside_moves_the_sides_that_it_lies_beyond(point: Any, corners: Any, across: Any, down: Any) -> None:
    grown, wider, higher = perspective.extended(SQUARE, [np.array(point)])
    assert grown.tolist() == [list(corner) for corner in corners]
    assert (wider, higher) == (across, down)


def test_extension_keeps_the_scale_of_the_rectangle() -> None:
    plane = Plane.of(SQUARE, 100, 100, [np.array((40, 20))])
    assert (plane.width, plane.height) == (150, 100)
    assert plane.points(np.array([(40.0, 30.0)])) == pytest.approx(np.array([(149, 99)]), abs=1e-3)


def test_a_slanted_side_moves_parallel_to_itself() -> None:
    grown, _, _ = perspective.extended(TRAPEZOID, [np.array((-10, 50))])
    before, after = TRAPEZOID[1] - TRAPEZOID[0], grown[1] - grown[0]
    assert np.cross([*before, 0], [*after, 0])[2] / np.linalg.norm(before) / np.linalg.norm(after) < 0.02
    assert not perspective._outside(grown[0], grown[1], np.array((-9.5, 50)))
