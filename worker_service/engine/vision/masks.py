"""Mask logits on a network's coarse grid to masks over source pixels, one crop per object.

Nothing of the size of the image is ever made: each object's logits are interpolated inside its box only. Linear
interpolation is separable, so it is two small matrix products per object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.fit import Geometry
from worker_service.engine.vision.rle import Runs, column_runs

Floats = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint8]
BLOCK = 384  # columns; where dense and blocked products take the same time

DecodeMode = Literal["accurate", "tradeoff", "fast"]


@dataclass(frozen=True)
class Axis:
    """How a row (or column) of cells lies over source pixels: pixel = cell * step + start, edges on edges.

    Attributes:
        step: source pixels per cell.
        start: where cell 0 begins; negative when a border was added before it.
        pixels: size of the source.
        cells: how many cells there are.
    """

    step: float
    start: float
    pixels: int
    cells: int

    @property
    def is_pixels(self) -> bool:
        """Whether the cells are the pixels of the source."""
        return (self.step, self.start) == (1.0, 0.0)

    def inside(self, low: float, high: float) -> tuple[int, int]:
        """First cell and end of the cells whose index is in [low, high), given in pixels; at least one cell."""
        first = int(np.ceil(np.clip((low - self.start) / self.step, 0, self.cells - 1)))
        return first, max(first + 1, int(np.ceil(min((high - self.start) / self.step, self.cells))))

    def centres(self, first: int, end: int) -> npt.NDArray[np.float64]:
        """Source positions of the cells' centres."""
        return np.asarray((np.arange(first, end) + 0.5) * self.step + self.start, np.float64)

    def centres_of_pixels(self) -> npt.NDArray[np.float64]:
        """Source positions of all pixels' centres."""
        return np.asarray(np.arange(self.pixels) + 0.5, np.float64)

    def weights(self, at: npt.NDArray[Any]) -> tuple[Floats, slice]:
        """Linear interpolation at source positions: a matrix [positions, cells of the slice] and the slice.

        Where the image ends between two cells, the inner one's value goes on to the edge: borders do not bleed in.
        """
        low = max(0.0, -self.start / self.step)
        high = min(float(self.cells), (self.pixels - self.start) / self.step)
        bounds = (low if _whole(low) else low - 0.5), (high - 1 if _whole(high) else high - 0.5)
        place = np.clip((at - self.start) / self.step - 0.5, *np.clip(bounds, 0, self.cells - 1))
        left = np.floor(place).astype(np.int64)
        share = (place - left).astype(np.float32)
        right = np.minimum(left + 1, self.cells - 1)
        first = int(left[0])
        matrix = np.zeros((len(at), int(right[-1]) + 1 - first), np.float32)
        rows = np.arange(len(at))
        matrix[rows, left - first] = 1 - share
        matrix[rows, right - first] += share
        return matrix, slice(first, int(right[-1]) + 1)


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
        points = max(contours, key=_extent).reshape(-1, 2) + np.array([self.left, self.top])
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
    planes: Floats, boxes: Floats, source: tuple[Axis, Axis], target: tuple[Axis, Axis], threshold: float = 0.0
) -> Iterator[Mask]:
    """Each object's mask: its plane interpolated at the target cells of its box, and compared.

    Args:
        planes: [n, h, w] logits, or probabilities with a threshold to match.
        boxes: [n, 4] corners in source pixels; cells from the first corner on and before the second are cut out.
        source: how the planes lie over the source image, across and down.
        target: the same of the cells to answer in.
        threshold: above it is object.
    """
    own = source == target
    for plane, (x0, y0, x1, y1) in zip(planes, boxes.tolist(), strict=True):
        left, right = target[0].inside(x0, x1)
        top, bottom = target[1].inside(y0, y1)
        if own:
            values = plane[top:bottom, left:right]
        else:
            values = resample(plane, source, target[0].centres(left, right), target[1].centres(top, bottom))
        yield Mask((values > threshold).view(np.uint8), left, top, *target)


def resample(planes: Floats, axes: tuple[Axis, Axis], columns: npt.NDArray[Any], rows: npt.NDArray[Any]) -> Floats:
    """Planes [..., h, w] interpolated linearly at source columns [x] and rows [y]: [..., y, x].

    Many columns are done in blocks: each needs few cells, and a matrix over all would be zeros for the most part.
    """
    down, seen = axes[1].weights(rows)
    if len(columns) <= BLOCK:
        across, used = axes[0].weights(columns)
        return np.asarray(down @ planes[..., seen, used] @ across.T, np.float32)
    used = axes[0].weights(columns[[0, -1]])[1]
    tall = down @ planes[..., seen, used]
    values = np.empty((*tall.shape[:-1], len(columns)), np.float32)
    for start in range(0, len(columns), BLOCK):
        across, cells = axes[0].weights(columns[start : start + BLOCK])
        part = tall[..., cells.start - used.start : cells.stop - used.start]
        np.matmul(part, across.T, out=values[..., start : start + BLOCK])
    return values


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


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def _extent(contour: npt.NDArray[Any]) -> tuple[float, int]:
    return float(cv2.contourArea(contour)), len(contour)


def _spread(axis: Axis, first: int, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """For the source pixels whose centres lie in the cells: each one's cell, from ``first`` on, and the first pixel."""
    begin = max(0, int(np.ceil(first * axis.step + axis.start - 0.5)))
    end = min(axis.pixels, int(np.ceil((first + count) * axis.step + axis.start - 0.5)))
    cells = np.floor((np.arange(begin, end) + 0.5 - axis.start) / axis.step).astype(np.int64) - first
    return np.clip(cells, 0, count - 1), begin
