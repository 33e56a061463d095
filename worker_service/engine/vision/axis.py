"""How the cells of a grid lie over source pixels along one axis, and linear interpolation between two such grids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
CACHED = 1 << 19  # weights, 2 MiB: what cameras need; larger pictures are computed each time


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


@dataclass(frozen=True)
class Weights:
    """Linear interpolation from the cells of one axis at the centres of another's.

    Attributes:
        matrix: [targets, cells] two weights per row, on neighbouring cells.
        first, end: [targets] which cells have weights.
    """

    matrix: Floats
    first: tuple[int, ...]
    end: tuple[int, ...]

    def part(self, begin: int, end: int) -> tuple[Floats, slice]:
        """The weights of some targets, [targets, cells of the slice], and the slice of cells that they are for."""
        cells = slice(self.first[begin], self.end[end - 1])
        return self.matrix[begin:end, cells], cells


def weights(source: Axis, target: Axis) -> Weights:
    """Interpolation from ``source`` to all of ``target``; remembered, as the pictures of a camera are of one size."""
    return (_remembered if source.cells * target.cells <= CACHED else _weights)(source, target)


def _weights(source: Axis, target: Axis) -> Weights:
    """Where the image ends between two cells, the inner one's value goes on to the edge: borders do not bleed in."""
    low = max(0.0, -source.start / source.step)
    high = min(float(source.cells), (source.pixels - source.start) / source.step)
    bounds = (low if _whole(low) else low - 0.5), (high - 1 if _whole(high) else high - 0.5)
    at = target.centres(0, target.cells)
    place = np.clip((at - source.start) / source.step - 0.5, *np.clip(bounds, 0, source.cells - 1))
    left = np.floor(place).astype(np.int64)
    share = (place - left).astype(np.float32)
    right = np.minimum(left + 1, source.cells - 1)
    matrix = np.zeros((target.cells, source.cells), np.float32)
    rows = np.arange(target.cells)
    matrix[rows, left] = 1 - share
    matrix[rows, right] += share
    return Weights(matrix, tuple(left.tolist()), tuple((right + 1).tolist()))


_remembered = lru_cache(maxsize=16)(_weights)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6
