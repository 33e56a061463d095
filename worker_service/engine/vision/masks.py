"""Mask logits on a network's coarse grid to masks over source pixels, one crop per object.

Nothing of the size of the image is ever made: each object's logits are interpolated inside its box only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.axis import Axis
from worker_service.engine.vision.fit import Geometry
from worker_service.engine.vision.interpolation import interpolation
from worker_service.engine.vision.rle import Runs, column_runs

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint8]

DecodeMode = Literal["accurate", "tradeoff", "fast"]
PlanePart: TypeAlias = Callable[[int, slice, slice], Floats]
"""Logits of some rows and columns of one object's plane."""
Planes: TypeAlias = Floats | PlanePart


@dataclass(frozen=True)
class Mask:
    """One object's mask: cells [h, w] of 0 or 1; nothing outside them is part of it.

    Attributes:
        cells: the cells of the object's box.
        left, top: index of the first column and row among all cells.
        across, down: how all columns and rows lie over the source.
    """

    cells: Bits
    left: int
    top: int
    across: Axis
    down: Axis

    def outline(self) -> Floats:
        """Largest outer contour [points, 2] as x, y of source pixels, their centres at whole numbers; may be empty."""
        contours, _ = cv2.findContours(self.cells, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        if not contours:
            return np.zeros((0, 2), np.float32)
        largest = contours[0] if len(contours) == 1 else max(contours, key=_extent)
        points = largest.reshape(-1, 2) + np.array([self.left, self.top], np.int32)
        if self.across.is_pixels and self.down.is_pixels:
            return points.astype(np.float32)
        step = np.array([self.across.step, self.down.step])
        start = np.array([self.across.start, self.down.start])
        limit = np.array([self.across.pixels - 1, self.down.pixels - 1])
        return np.asarray(np.clip((points + 0.5) * step + start - 0.5, 0, limit), np.float32)

    def runs(self) -> Runs:
        """Runs of the mask in source pixels [n, 3]: column, first row, end.

        Coarse cells are not spread out first: the runs of a column of cells are those of each pixel column in it.
        """
        runs = column_runs(self.cells)
        if self.across.is_pixels and self.down.is_pixels:
            return np.asarray(runs + np.array([self.left, self.top, self.top]))
        edges = np.arange(self.cells.shape[0] + 1) + self.top
        rows = np.clip(np.ceil(edges * self.down.step + self.down.start - 0.5), 0, self.down.pixels).astype(np.int64)
        runs[:, 1:] = rows[runs[:, 1:]]
        runs = runs[runs[:, 1] < runs[:, 2]]
        columns, left = _spread(self.across, self.left, self.cells.shape[1])
        each = np.bincount(runs[:, 0], minlength=self.cells.shape[1])
        first, count = (np.cumsum(each) - each)[columns], each[columns]
        # Positions in ``runs``: those of each pixel column's cells, one after the other.
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        spread: Runs = runs[np.repeat(first, count) + within]
        spread[:, 0] = np.repeat(np.arange(len(columns)) + left, count)
        return spread


def mask_axes(geometry: Geometry, size: tuple[int, int], grid: tuple[int, int]) -> tuple[Axis, Axis]:
    """How mask cells lie over the source, across and down.

    Args:
        geometry: of the image that went in.
        size: width and height of the network's input.
        grid: rows and columns of its masks.
    """
    across, down = size[0] / grid[1], size[1] / grid[0]
    return (
        Axis(across / geometry.gain_x, -geometry.left / geometry.gain_x, geometry.width, grid[1]),
        Axis(down / geometry.gain_y, -geometry.top / geometry.gain_y, geometry.height, grid[0]),
    )


def target_axis(axis: Axis, mode: DecodeMode, tradeoff: float) -> Axis:
    """The cells that masks are answered in: source pixels (accurate), the network's own (fast), or between."""
    if mode == "fast":
        return axis
    share = 1.0 if mode == "accurate" else tradeoff
    shown = axis.pixels / axis.step
    cells = max(1, round(shown + share * (axis.pixels - shown)))
    return Axis(axis.pixels / cells, 0.0, axis.pixels, cells)


def cut_masks(
    planes: Planes, boxes: Floats, source: tuple[Axis, Axis], target: tuple[Axis, Axis], threshold: float = 0.0
) -> Iterator[Mask]:
    """Each object's mask: its plane interpolated at the target cells of its box, and compared.

    Args:
        planes: [n, h, w] logits, or probabilities with a threshold to match; or what computes parts of them.
        boxes: [n, 4] corners in source pixels; cells from the first corner on and before the second are cut out.
        source: how the planes lie over the source image, across and down.
        target: the same of the cells to answer in.
        threshold: above it is object.
    """
    part = parts_of(planes)
    between = None if source == target else interpolation(source, target)
    for i, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        left, right = target[0].inside(x0, x1)
        top, bottom = target[1].inside(y0, y1)
        if between is None:
            values = part(i, slice(top, bottom), slice(left, right))
        else:
            cells = part(i, *between.cells((left, right), (top, bottom)))
            values = between(cells, (left, right), (top, bottom))
        yield Mask((values > threshold).view(np.uint8), left, top, *target)


def parts_of(planes: Planes) -> PlanePart:
    """Planes that are all there, as what gives parts of them."""
    return planes if callable(planes) else lambda i, rows, columns: planes[i, rows, columns]


def reach(planes: Floats, axes: tuple[Axis, Axis]) -> Floats:
    """Boxes [n, 4] in source pixels outside of which no interpolated logit is positive; empty planes: a point."""
    boxes = np.zeros((len(planes), 4), np.float32)
    for i, plane in enumerate(planes):
        positive = plane > 0
        for first, axis, seen in ((0, axes[0], positive.any(axis=0)), (1, axes[1], positive.any(axis=1))):
            cells = np.flatnonzero(seen)
            if cells.size:
                edges = np.array([cells[0] - 1, cells[-1] + 2]) * axis.step + axis.start
                boxes[i, [first, first + 2]] = np.clip(edges, 0, axis.pixels)
    return boxes


def prototype_planes(prototypes: npt.NDArray[Any], coefficients: Floats) -> Floats:
    """Mask logits [n, h, w]: prototypes [c, h, w] weighted by coefficients [n, c]."""
    channels, height, width = prototypes.shape
    flat = prototypes.reshape(channels, -1).astype(np.float32, copy=False)
    return np.asarray(coefficients @ flat, np.float32).reshape(-1, height, width)


def prototype_part(prototypes: npt.NDArray[Any], coefficients: Floats) -> PlanePart:
    """As ``prototype_planes``, a part of one object's plane at a time, and only when it is asked for."""
    channels = len(prototypes)
    last = np.moveaxis(prototypes, 0, -1)
    if last.flags.c_contiguous and last.dtype == np.float32:  # as YOLACT has them
        return lambda i, rows, columns: np.asarray(last[rows, columns] @ coefficients[i], np.float32)

    def part(i: int, rows: slice, columns: slice) -> Floats:
        seen = prototypes[:, rows, columns]
        flat = seen.reshape(channels, -1).astype(np.float32, copy=False)
        return np.asarray(coefficients[i] @ flat, np.float32).reshape(seen.shape[1:])

    return part


def _extent(contour: npt.NDArray[Any]) -> tuple[float, int]:
    return float(cv2.contourArea(contour)), len(contour)


def _spread(axis: Axis, first: int, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """For the source pixels whose centres lie in the cells: each one's cell, from ``first`` on, and the first pixel."""
    begin = max(0, int(np.ceil(first * axis.step + axis.start - 0.5)))
    end = min(axis.pixels, int(np.ceil((first + count) * axis.step + axis.start - 0.5)))
    cells = np.floor((np.arange(begin, end) + 0.5 - axis.start) / axis.step).astype(np.int64) - first
    return np.clip(cells, 0, count - 1), begin
