"""Class scores on a network's grid to a class for each pixel of the source.

Logits are interpolated linearly, then the softmax is taken, as networks are trained.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.axis import Axis, weights
from worker_service.engine.vision.interpolation import interpolation

Floats = npt.NDArray[np.float32]
Plane = npt.NDArray[np.uint8]

# Rows and columns done at once: all classes of a tile stay in the cache.
TILE = (32, 256)
# Pixels per cell from which strips, whose exponentials are taken once per row of cells, are faster than tiles.
COARSE = 6.0
# Floats of a strip, 256 KiB: its values and factors stay in the cache.
STRIP = 1 << 16
# Exponentials of logits that are further apart underflow.
SPREAD = 80.0


def class_map(logits: Floats, axes: tuple[Axis, Axis]) -> tuple[Plane, Floats]:
    """The best class of each source pixel and its probability; a single class is sigmoid.

    Args:
        logits: [classes, h, w].
        axes: how the grid lies over the source, across and down.

    Returns:
        Classes [height, width] and probabilities [height, width].
    """
    if len(logits) == 1:
        logits = np.concatenate([np.zeros_like(logits), logits])
    classes = np.empty((axes[1].pixels, axes[0].pixels), np.uint8)
    chances = np.empty(classes.shape, np.float32)
    coarse = axes[1].step >= COARSE and float(np.ptp(logits, axis=0).max()) < SPREAD
    (_strips if coarse else _tiles)(logits, axes, classes, chances)
    return classes, chances


def own_cells(class_ids: npt.NDArray[Any], axes: tuple[Axis, Axis]) -> Plane:
    """For graphs that answer classes: each source pixel has that of the cell it lies in.

    Args:
        class_ids: [h, w].
        axes: how the grid lies over the source, across and down.
    """
    across, down = (
        np.clip(np.floor((np.arange(axis.pixels) + 0.5 - axis.start) / axis.step).astype(np.int64), 0, axis.cells - 1)
        for axis in axes
    )
    return np.asarray(class_ids[down][:, across], np.uint8)


def _tiles(logits: Floats, axes: tuple[Axis, Axis], classes: Plane, chances: Floats) -> None:
    """Every logit of every pixel, tile by tile."""
    between = interpolation(axes, tuple(_pixels(axis) for axis in axes))  # type: ignore[arg-type]
    height, width = classes.shape
    for top in range(0, height, TILE[0]):
        rows = top, min(top + TILE[0], height)
        for left in range(0, width, TILE[1]):
            columns = left, min(left + TILE[1], width)
            down, across = between.cells(columns, rows)
            values = between(np.ascontiguousarray(logits[:, down, across]), columns, rows)
            tile = np.s_[slice(*rows), slice(*columns)]
            classes[tile], chances[tile] = _best(values.reshape(len(values), -1), values.shape[1:])


def _best(values: Floats, shape: tuple[int, ...]) -> tuple[Plane, Floats]:
    """Index and softmax of the largest of values [classes, n]; the first of equal ones."""
    top = values.max(axis=0)
    best = first_equal(values, top)
    values -= top
    return best.reshape(shape), (1 / cv2.exp(values, values).sum(axis=0)).reshape(shape)


def first_equal(values: Floats, top: Floats) -> Plane:
    """For values [classes, n] the first class that has the value of ``top`` [n].

    Bytes that say where, times a code that falls, and their maximum: a fifth of the time of an argmax over this axis.
    """
    codes = np.arange(len(values) - 1, -1, -1, dtype=np.uint8)[:, None]
    return np.asarray(len(values) - 1 - (np.equal(values, top).view(np.uint8) * codes).max(axis=0), np.uint8)


def _strips(logits: Floats, axes: tuple[Axis, Axis], classes: Plane, chances: Floats) -> None:
    """Between two rows of cells each logit is a line: its exponential grows by the same factor from row to row."""
    across, down = (weights(axis, _pixels(axis)) for axis in axes)
    upper, lower = np.array(down.first), np.array(down.end) - 1
    share = np.where(lower > upper, down.matrix[np.arange(len(upper)), lower], np.float32(0))
    begins = np.flatnonzero(np.diff(upper, prepend=-1)).tolist()
    width = max(64, STRIP // len(logits))
    for left in range(0, classes.shape[1], width):
        part = slice(left, min(left + width, classes.shape[1]))
        matrix, cells = across.part(part.start, part.stop)
        made: dict[int, Floats] = {}
        for begin, end in zip(begins, [*begins[1:], len(upper)], strict=True):
            ends = int(upper[begin]), int(lower[end - 1])
            made = {row: made[row] if row in made else logits[:, row, cells] @ matrix.T for row in ends}
            rows = slice(begin, end)
            _strip(made[ends[0]], made[ends[1]], share[rows], axes[1].step, classes[rows, part], chances[rows, part])


def _strip(high: Floats, low: Floats, share: Floats, step: float, classes: Plane, chances: Floats) -> None:
    """Classes and probabilities [rows, n] of the pixels that lie from ``high`` to ``low`` [classes, n].

    Args:
        share: [rows] how far each row of pixels has got from the one to the other.
        step: rows of pixels per cell.
    """
    slope = low - high
    first, last = high + slope * share[0], high + slope * share[-1]
    tops = first.max(axis=0), last.max(axis=0)
    _classes_of_strip(
        first, slope, share - share[0], (first_equal(first, tops[0]), first_equal(last, tops[1])), classes
    )
    # All relative to the line between the best logits of the first and the last row, so that nothing overflows.
    first -= tops[0]
    slope -= (tops[1] - tops[0]) / max(float(share[-1] - share[0]), 1e-9)
    powers, factors = cv2.exp(first), cv2.exp(slope * np.float32(1 / step))
    for row, grown in enumerate(np.diff(share, prepend=share[0]).tolist()):
        if row and grown:
            if abs(grown * step - 1) < 1e-3:
                powers *= factors
            else:
                powers = cv2.exp(first + slope * (share[row] - share[0]))
        np.divide(powers.max(axis=0), cv2.reduce(powers, 0, cv2.REDUCE_SUM)[0], out=chances[row])


def _classes_of_strip(first: Floats, slope: Floats, share: Floats, ends: tuple[Plane, Plane], classes: Plane) -> None:
    """The best class of each pixel, by the lines that logits are; ``ends`` are those of the first and the last row.

    Where both are the same no line comes between. Elsewhere one takes over where the two lines cross, unless a third
    is above them there.
    """
    classes[:] = ends[0]
    mixed = np.flatnonzero(ends[0] != ends[1])
    if not mixed.size:
        return
    above, growth = first[:, mixed], slope[:, mixed]
    one, other, column = ends[0][mixed], ends[1][mixed], np.arange(mixed.size)
    gained = np.maximum(growth[other, column] - growth[one, column], 1e-9)
    cross = (above[one, column] - above[other, column]) / gained
    there = above + growth * cross
    classes[:, mixed] = np.where(share[:, None] < cross, one, other)
    third = np.flatnonzero(there.max(axis=0) > there[one, column] + 1e-5)
    if third.size:
        values = above[:, None, third] + growth[:, None, third] * share[:, None]
        flat = values.reshape(len(values), -1)
        classes[:, mixed[third]] = first_equal(flat, flat.max(axis=0)).reshape(len(share), -1)


def _pixels(axis: Axis) -> Axis:
    return Axis(1.0, 0.0, axis.pixels, axis.pixels)
