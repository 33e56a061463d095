"""Polygons of masks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from shared.workflows.vision import polygons


def mask_of(corners: list[tuple[int, int]], shape: Any = (120, 160)) -> np.ndarray:
    return polygons.fill(np.array(corners), shape)


QUAD = [(20, 20), (120, 30), (110, 100), (30, 90)]


def test_outline_is_the_one_with_most_points_and_none_without_area() -> None:
    mask = mask_of(QUAD)
    mask[0:2, 0:2] = True
    assert len(polygons.outlines(mask)) == 2
    x, y = polygons.outline(mask).mean(axis=0)
    assert x > 30
    assert y > 20
    assert polygons.outline(np.zeros((10, 10), bool)) is None
    dot = np.zeros((10, 10), bool)
    dot[3, 3] = True
    assert polygons.outline(dot) is None


def test_simplify_finds_the_corners() -> None:
    found = polygons.simplify(polygons.outline(mask_of(QUAD)), 4)
    assert len(found) == 4
    for corner in QUAD:
        assert np.linalg.norm(found - corner, axis=1).min() <= 2


@pytest.mark.parametrize("vertices", [3, 4, 5])
def test_simplify_drops_the_least_corners_first(vertices: Any) -> None:
    # Corners cut by 30, 16 and 8 pixels, the others sharp: the fewer vertices, the more of the cuts vanish.
    contour = np.array([(0, 0), (170, 0), (200, 30), (200, 84), (184, 100), (0, 100)], np.int32)
    assert len(polygons.simplify(contour, vertices)) == vertices


def test_simplify_ends_when_no_tolerance_gives_the_count() -> None:
    triangle = np.array([(0, 0), (50, 0), (0, 50)], np.int32)
    assert len(polygons.simplify(triangle, 5)) == 3


def test_with_vertices_pads_with_the_last_and_cuts() -> None:
    triangle = np.array([(0, 0), (5, 0), (0, 5)], np.int32)
    assert polygons.with_vertices(triangle, 5).tolist() == [[0, 0], [5, 0], [0, 5], [0, 5], [0, 5]]
    assert polygons.with_vertices(triangle, 2).tolist() == [[0, 0], [5, 0]]


def test_fitted_sides_ignore_rounded_corners_and_run_vertically_too() -> None:
    # A square 100x100 with its corners cut by 15: the fitted sides meet where the corners were.
    octagon = np.array([(15, 0), (85, 0), (100, 15), (100, 85), (85, 100), (15, 100), (0, 85), (0, 15)], np.int32)
    cut = np.array([(7, 7), (93, 7), (93, 93), (7, 93)], np.int32)
    fitted = polygons.fit_sides(cut, octagon, fraction=0.6)
    for corner in [(0, 0), (100, 0), (100, 100), (0, 100)]:
        assert np.abs(fitted - corner).sum(axis=1).min() <= 2
    backwards = polygons.fit_sides(cut[::-1].copy(), octagon, fraction=0.6)
    assert {tuple(p) for p in backwards.tolist()} == {tuple(p) for p in fitted.tolist()}


def test_scale_is_about_the_centroid() -> None:
    square = np.array([(10, 10), (30, 10), (30, 30), (10, 30)], np.int32)
    assert polygons.scale(square, 2).tolist() == [[0, 0], [40, 0], [40, 40], [0, 40]]
    assert polygons.scale(square, 1) is square
    line = np.array([(1, 1), (5, 5)], np.int32)
    assert polygons.scale(line, 3) is line


def test_smallest_rect_of_a_diamond() -> None:
    diamond = np.array([(50, 0), (100, 50), (50, 100), (0, 50)], np.int32)
    rect = polygons.smallest_rect(diamond)
    assert rect.width == pytest.approx(70.71, abs=0.1)
    assert rect.height == pytest.approx(70.71, abs=0.1)
    assert rect.angle % 90 == pytest.approx(45, abs=0.1)
    assert sorted(map(tuple, rect.corners.tolist())) == [(0, 50), (50, 0), (50, 100), (100, 50)]


@pytest.mark.parametrize("turn", [0, 20, -20, 70])
def test_upright_size_calls_the_flatter_side_width(turn: Any) -> None:
    corners = cv2.boxPoints(((100, 100), (60, 20), turn))
    width, height = polygons.upright_size(corners)
    expected = (20, 60) if turn == 70 else (60, 20)
    assert (width, height) == pytest.approx(expected, abs=0.1)
