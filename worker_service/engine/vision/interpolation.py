"""Linear interpolation of planes between two grids, a rectangle of target cells at a time.

Where whole cells of the one cover whole cells of the other, as 640 pixels do those of cameras of 480 to 2160 lines,
cv2's resize does it in a quarter of the time of two matrix products, which take any two grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.axis import Axis, Weights, weights

Floats = npt.NDArray[np.float32]
Span = tuple[int, int]  # first cell and end
BLOCK = 384  # columns; where dense and blocked products take the same time


class Interpolation(Protocol):
    """From planes on the source grid to cells of the target grid."""

    def cells(self, columns: Span, rows: Span) -> tuple[slice, slice]:
        """Rows and columns of the planes that the target's cells are made of."""
        ...

    def __call__(self, cells: Floats, columns: Span, rows: Span) -> Floats:
        """The target's cells [..., rows, columns] from those that ``cells`` names."""
        ...


def interpolation(source: tuple[Axis, Axis], target: tuple[Axis, Axis]) -> Interpolation:
    """Between two grids, across and down."""
    across, down = (_ratio(one, other) for one, other in zip(source, target, strict=True))
    if across is not None and down is not None:
        return Resize(across, down)
    return Products(weights(source[0], target[0]), weights(source[1], target[1]))


@dataclass(frozen=True)
class Ratio:
    """Along one axis: source cell i covers the target's cells from ``i * step + start`` on, ``step`` of them.

    Attributes:
        step, start: in target cells.
        low, high: the source's cells that lie over the picture; no other is looked at.
    """

    step: int
    start: int
    low: int
    high: int

    def cells(self, first: int, end: int) -> slice:
        """The source's cells that matter, one more on each side, between whose centres the edges lie."""
        begin = (first - self.start) // self.step - 1
        stop = -((self.start - end) // self.step) + 1
        return slice(max(begin, self.low), min(stop, self.high))


@dataclass(frozen=True)
class Resize:
    """Grids whose edges meet."""

    across: Ratio
    down: Ratio

    def cells(self, columns: Span, rows: Span) -> tuple[slice, slice]:
        """Rows and columns of the planes."""
        return self.down.cells(*rows), self.across.cells(*columns)

    def __call__(self, cells: Floats, columns: Span, rows: Span) -> Floats:
        """The target's cells."""
        across, down = self.across, self.down
        left = columns[0] - across.cells(*columns).start * across.step - across.start
        top = rows[0] - down.cells(*rows).start * down.step - down.start
        inside = np.s_[top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]
        planes = cells.reshape(-1, *cells.shape[-2:])
        size = planes.shape[2] * across.step, planes.shape[1] * down.step
        parts = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)[inside] for plane in planes]
        return np.asarray(parts[0] if cells.ndim == 2 else np.stack(parts), np.float32)


@dataclass(frozen=True)
class Products:
    """Any two grids: interpolation is separable, so it is two small matrix products."""

    across: Weights
    down: Weights

    def cells(self, columns: Span, rows: Span) -> tuple[slice, slice]:
        """Rows and columns of the planes."""
        return self.down.part(*rows)[1], self.across.part(*columns)[1]

    def __call__(self, cells: Floats, columns: Span, rows: Span) -> Floats:
        """Many columns are done in blocks: each needs few cells, and a matrix over all is zeros for the most part."""
        tall = self.down.part(*rows)[0] @ cells
        first, end = columns
        if end - first <= BLOCK:
            return np.asarray(tall @ self.across.part(first, end)[0].T, np.float32)
        start = self.across.first[first]
        values = np.empty((*tall.shape[:-1], end - first), np.float32)
        for begin in range(first, end, BLOCK):
            stop = min(begin + BLOCK, end)
            matrix, span = self.across.part(begin, stop)
            part = tall[..., span.start - start : span.stop - start]
            np.matmul(part, matrix.T, out=values[..., begin - first : stop - first])
        return values


def _ratio(source: Axis, target: Axis) -> Ratio | None:
    """How the grids lie over each other, when edges of the source's cells and of the picture are the target's."""
    step, start = source.step / target.step, (source.start - target.start) / target.step
    low, high = -source.start / source.step, (source.pixels - source.start) / source.step
    if not all(abs(value - round(value)) < 1e-6 for value in (step, start, low, high)):
        return None
    return Ratio(round(step), round(start), max(0, round(low)), min(source.cells, round(high)))
