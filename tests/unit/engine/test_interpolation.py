from __future__ import annotations

import numpy as np
import pytest

from worker_service.engine.vision.axis import Axis, weights
from worker_service.engine.vision.class_map import class_map, first_equal
from worker_service.engine.vision.interpolation import Products, Resize, interpolation

RANDOM = np.random.default_rng(8)


def axes(width: int, height: int, cells: int) -> tuple[Axis, Axis]:
    """Of a letterboxed picture on a square grid."""
    step = max(width, height) / cells
    return (
        Axis(step, -(max(width, height) - width) / 2, width, cells),
        Axis(step, -(max(width, height) - height) / 2, height, cells),
    )


def pixels(source: tuple[Axis, Axis]) -> tuple[Axis, Axis]:
    return Axis(1.0, 0.0, source[0].pixels, source[0].pixels), Axis(1.0, 0.0, source[1].pixels, source[1].pixels)


@pytest.mark.parametrize("size", [(1920, 1080), (1280, 720), (640, 480), (800, 600), (480, 640)])
def test_resize_and_products_answer_the_same(size: tuple[int, int]) -> None:
    source = axes(*size, 160)
    target = pixels(source)
    fast = interpolation(source, target)
    exact = Products(weights(source[0], target[0]), weights(source[1], target[1]))
    assert isinstance(fast, Resize)
    planes = RANDOM.normal(size=(2, 160, 160)).astype(np.float32)
    width, height = size
    for columns, rows in (
        ((0, width), (0, height)),
        ((0, 1), (0, 1)),
        ((width - 1, width), (height - 1, height)),
        ((width // 3, width // 2 + 1), (height // 5 + 1, height // 4 + 3)),
    ):
        found = [
            between(planes[(slice(None), *between.cells(columns, rows))], columns, rows) for between in (fast, exact)
        ]
        assert found[0].shape == found[1].shape == (2, rows[1] - rows[0], columns[1] - columns[0])
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize("size", [(1000, 750), (333, 217), (101, 640)])
def test_grids_whose_edges_do_not_meet_take_products(size: tuple[int, int]) -> None:
    source = axes(*size, 160)
    assert isinstance(interpolation(source, pixels(source)), Products)


@pytest.mark.parametrize("size", [(240, 135), (135, 240), (250, 187), (160, 160), (97, 161)])
@pytest.mark.parametrize(("classes", "scale"), [(2, 3.0), (7, 6.0), (3, 60.0)])
def test_strips_of_coarse_maps_answer_as_the_naive_way(size: tuple[int, int], classes: int, scale: float) -> None:
    """Steps of 10 to 25 pixels; at a scale of 60 the logits are too far apart for strips."""
    source = axes(*size, 10)
    logits = RANDOM.normal(size=(classes, 10, 10)).astype(np.float32) * scale
    target = pixels(source)
    across, down = weights(source[0], target[0]).matrix, weights(source[1], target[1]).matrix
    values = (down @ logits @ across.T).astype(np.float64)
    powers = np.exp(values - values.max(axis=0))
    found, chances = class_map(logits, source)
    np.testing.assert_allclose(chances, 1 / powers.sum(axis=0), atol=1e-4)
    clear = np.sort(values, axis=0)[-1] - np.sort(values, axis=0)[-2] > 1e-3
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found[clear], values.argmax(axis=0)[clear])


def test_third_class_between_two_is_found() -> None:
    """Along a column one class falls, one grows, and a flat one is the best in the middle only."""
    logits = np.zeros((3, 2, 2), np.float32)
    logits[0, 0], logits[0, 1] = 9, -9
    logits[1, 0], logits[1, 1] = -9, 9
    logits[2] = 4
    found, _ = class_map(logits, (Axis(20.0, 0.0, 40, 2), Axis(20.0, 0.0, 40, 2)))
    assert [found[row, 20] for row in (0, 12, 20, 27, 39)] == [0, 0, 2, 1, 1]


def test_first_of_equal_classes() -> None:
    values = np.array([[1, 5, 2], [3, 5, 2], [3, 0, 2]], np.float32)
    assert first_equal(values, values.max(axis=0)).tolist() == [1, 0, 0]
