from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from worker_service.engine.manifest import InputSpec
from worker_service.engine.vision.fit import Geometry, fit
from worker_service.engine.vision.masks import Mask, cut_masks, mask_axes, prototype_planes, reach, target_axis
from worker_service.engine.vision.rle import column_runs, run_lengths

INPUT = (64, 64)
SIZES = [(64, 64), (48, 64), (200, 90), (37, 61), (16, 9), (333, 517), (40, 900)]


def geometry_of(size: tuple[int, int], resize: str) -> Geometry:
    spec = InputSpec.model_validate({"width": 64, "height": 64, "resize": resize})
    return fit(np.zeros((*size, 3), np.uint8), spec)[1]


def bilinear(plane: Any, x: float, y: float, bounds: tuple[Any, Any]) -> float:
    """One value at a place in cells (centres at whole numbers), kept within bounds per axis."""
    (x_low, x_high), (y_low, y_high) = bounds
    x, y = min(max(x, x_low), x_high), min(max(y, y_low), y_high)
    left, top = int(np.floor(x)), int(np.floor(y))
    right, bottom = min(left + 1, plane.shape[1] - 1), min(top + 1, plane.shape[0] - 1)
    a, b = x - left, y - top
    upper = plane[top, left] * (1 - a) + plane[top, right] * a
    lower = plane[bottom, left] * (1 - a) + plane[bottom, right] * a
    return float(upper * (1 - b) + lower * b)


def bounds_of(gain: float, offset: int, pixels: int, cells: int) -> tuple[float, float]:
    """Where the image begins and ends in cells; within half a cell of a border values do not change any more."""
    ratio = cells / 64
    low, high = offset * ratio, (pixels * gain + offset) * ratio
    low, high = max(low, 0.0), min(high, float(cells))
    first = low if abs(low - round(low)) < 1e-6 else low - 0.5
    last = high - 1 if abs(high - round(high)) < 1e-6 else high - 0.5
    return max(first, 0.0), min(max(last, 0.0), cells - 1)


def naive_mask(plane: Any, box: Any, geometry: Geometry) -> Any:
    """Every pixel of the source on its own."""
    ratio = plane.shape[0] / 64
    bounds = (
        bounds_of(geometry.gain_x, geometry.left, geometry.width, plane.shape[1]),
        bounds_of(geometry.gain_y, geometry.top, geometry.height, plane.shape[0]),
    )
    values = np.zeros((geometry.height, geometry.width))
    for row in range(geometry.height):
        for column in range(geometry.width):
            if box[0] <= column < box[2] and box[1] <= row < box[3]:
                x = ((column + 0.5) * geometry.gain_x + geometry.left) * ratio - 0.5
                y = ((row + 0.5) * geometry.gain_y + geometry.top) * ratio - 0.5
                values[row, column] = bilinear(plane, x, y, bounds)
    return values


def full(mask: Mask, geometry: Geometry) -> Any:
    """The whole picture: each pixel has the value of the cell that its centre lies in."""
    columns, rows = (
        np.floor((np.arange(axis.pixels) + 0.5 - axis.start) / axis.step).astype(int) - first
        for axis, first in ((mask.across, mask.left), (mask.down, mask.top))
    )
    high, wide = mask.cells.shape
    image = mask.cells[np.clip(rows, 0, high - 1)][:, np.clip(columns, 0, wide - 1)].copy()
    image[(rows < 0) | (rows >= high)] = 0
    image[:, (columns < 0) | (columns >= wide)] = 0
    assert image.shape == (geometry.height, geometry.width)
    return image


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_accurate_masks_equal_the_naive_ones(size: tuple[int, int], resize: str) -> None:
    random = np.random.default_rng(3)
    geometry = geometry_of(size, resize)
    planes = cv2.resize(random.normal(size=(5, 5, 3)), (16, 16), interpolation=cv2.INTER_CUBIC)
    planes = planes.transpose(2, 0, 1).astype(np.float32)
    corners = np.sort(random.uniform(0, 1, (3, 2, 2)) * [size[1], size[0]], axis=1)
    boxes = corners.reshape(3, 4).astype(np.float32)
    boxes[0] = [0, 0, size[1], size[0]]
    source = mask_axes(geometry, INPUT, (16, 16))
    target = [target_axis(axis, "accurate", 0) for axis in source]
    for plane, box, mask in zip(planes, boxes, cut_masks(planes, boxes, source, (target[0], target[1])), strict=True):
        values = naive_mask(plane, box, geometry)
        sure = np.abs(values) > 1e-4  # float32 beside float64
        assert np.array_equal(full(mask, geometry)[sure], values[sure] > 0)
        assert (values > 0).any()


@pytest.mark.parametrize("size", [(333, 517), (640, 480)])
def test_coarser_modes_come_close(size: tuple[int, int]) -> None:
    """A disc of a quarter of the height: overlap with the accurate mask grows with the factor."""
    geometry = geometry_of(size, "letterbox")
    y, x = np.mgrid[:32, :32] + 0.5
    plane = (8 - np.hypot(x - 16, y - 16)).astype(np.float32)[None]
    box = np.array([[0, 0, size[1], size[0]]], np.float32)
    source = mask_axes(geometry, INPUT, (32, 32))

    def masked(mode: Any, factor: float) -> Any:
        target = [target_axis(axis, mode, factor) for axis in source]
        return full(next(cut_masks(plane, box, source, (target[0], target[1]))), geometry) > 0

    exact = masked("accurate", 0)
    assert exact.sum() == pytest.approx(np.pi * (8 * 2 / geometry.gain_x) ** 2, rel=0.01)
    overlaps = [
        (exact & other).sum() / (exact | other).sum()
        for other in (masked("fast", 0), masked("tradeoff", 0), masked("tradeoff", 0.5), masked("tradeoff", 1))
    ]
    assert overlaps[0] > 0.9
    assert overlaps[1] > 0.9
    assert overlaps[2] > 0.95
    assert overlaps[3] == 1


@pytest.mark.parametrize("mode", ["accurate", "fast", "tradeoff"])
def test_outlines_enclose_what_the_mask_covers(mode: Any) -> None:
    geometry = geometry_of((240, 320), "letterbox")
    y, x = np.mgrid[:16, :16] + 0.5
    plane = (5 - np.hypot(x - 8, y - 8)).astype(np.float32)[None]
    source = mask_axes(geometry, INPUT, (16, 16))
    target = [target_axis(axis, mode, 0.5) for axis in source]
    (mask,) = cut_masks(plane, np.array([[0, 0, 320, 240]], np.float32), source, (target[0], target[1]))
    filled = np.zeros((240, 320), np.uint8)
    cv2.fillPoly(filled, [np.round(mask.outline()).astype(np.int32)], 1)
    covered = full(mask, geometry)
    shared = (filled & covered).sum() / (filled | covered).sum()
    assert shared == 1 if mode == "accurate" else shared > 0.75  # an outline runs through the centres of coarse cells


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["accurate", "fast", "tradeoff"])
def test_runs_are_those_of_the_pixels(size: tuple[int, int], mode: Any) -> None:
    random = np.random.default_rng(8)
    planes = random.normal(size=(20, 16, 16)).astype(np.float32)
    boxes = np.sort(random.uniform(-0.1, 1.1, (20, 2, 2)) * [size[1], size[0]], axis=1).reshape(20, 4)
    geometry = geometry_of(size, "letterbox")
    source = mask_axes(geometry, INPUT, (16, 16))
    target = [target_axis(axis, mode, 0.4) for axis in source]
    for mask in cut_masks(planes, boxes.astype(np.float32), source, (target[0], target[1])):
        assert np.array_equal(mask.runs(), column_runs(full(mask, geometry)))


def test_only_the_largest_outline_counts() -> None:
    source = mask_axes(geometry_of((64, 64), "stretch"), INPUT, (64, 64))
    plane = np.full((1, 64, 64), -1, np.float32)
    plane[0, 5:8, 5:8] = plane[0, 20:30, 20:40] = 1
    (mask,) = cut_masks(plane, np.array([[0, 0, 64, 64]], np.float32), source, source)
    assert mask.outline().min(axis=0).tolist() == [20, 20]
    assert mask.outline().max(axis=0).tolist() == [39, 29]


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [500, 300, 517, 333], [516.9, 332.9, 517, 333], [3, 3, 3.2, 90]])
@pytest.mark.parametrize("mode", ["accurate", "fast", "tradeoff"])
def test_boxes_without_room_have_masks_without_points(box: list[float], mode: Any) -> None:
    geometry = geometry_of((333, 517), "letterbox")
    source = mask_axes(geometry, INPUT, (16, 16))
    target = [target_axis(axis, mode, 0.3) for axis in source]
    planes = np.full((1, 16, 16), -1, np.float32)
    (mask,) = cut_masks(planes, np.array([box], np.float32), source, (target[0], target[1]))
    assert mask.outline().shape == (0, 2)
    assert run_lengths(mask.runs(), (333, 517)).tolist() == [333 * 517]


def test_reach_holds_everything_positive() -> None:
    geometry = geometry_of((333, 517), "stretch")
    plane = np.full((2, 16, 16), -1, np.float32)
    plane[0, 4:6, 9] = 1
    axes = mask_axes(geometry, INPUT, (16, 16))
    boxes = reach(plane, axes)
    everywhere = np.array([[0, 0, 517, 333]], np.float32)
    target = [target_axis(axis, "accurate", 0) for axis in axes]
    cut, whole = (
        full(next(cut_masks(plane[:1], edges, axes, (target[0], target[1]))), geometry) for edges in (boxes, everywhere)
    )
    assert np.array_equal(cut, whole)
    assert whole.any()
    assert boxes[1].tolist() == [0, 0, 0, 0]


def test_prototypes_are_weighted() -> None:
    random = np.random.default_rng(0)
    prototypes, weights = random.normal(size=(4, 3, 5)), random.normal(size=(2, 4))
    expected = np.einsum("nc,chw->nhw", weights, prototypes)
    planes = prototype_planes(prototypes.astype(np.float16), weights.astype(np.float32))
    np.testing.assert_allclose(planes, expected, atol=1e-2)
    assert planes.dtype == np.float32
