"""Class scores on a network's grid to a class for each pixel of the source."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.axis import Axis, weights
from worker_service.engine.vision.masks import resample

Floats = npt.NDArray[np.float32]
Plane = npt.NDArray[np.uint8]

# Rows and columns done at once: all classes of a tile stay in the cache.
TILE = (32, 256)


def class_map(logits: Floats, axes: tuple[Axis, Axis]) -> tuple[Plane, Floats]:
    """The best class of each source pixel and its probability.

    Logits are interpolated linearly, then the softmax is taken, as networks are trained; a single class is sigmoid.

    Args:
        logits: [classes, h, w].
        axes: how the grid lies over the source, across and down.

    Returns:
        Classes [height, width] and probabilities [height, width].
    """
    width, height = axes[0].pixels, axes[1].pixels
    across, down = (weights(axis, Axis(1.0, 0.0, axis.pixels, axis.pixels)) for axis in axes)
    classes = np.empty((height, width), np.uint8)
    chances = np.empty((height, width), np.float32)
    for top in range(0, height, TILE[0]):
        rows = top, min(top + TILE[0], height)
        for left in range(0, width, TILE[1]):
            columns = left, min(left + TILE[1], width)
            cells = logits[:, down.part(*rows)[1], across.part(*columns)[1]]
            tile = np.s_[slice(*rows), slice(*columns)]
            classes[tile], chances[tile] = _best(resample(cells, across, down, columns, rows))
    return classes, chances


def _best(values: Floats) -> tuple[Plane, Floats]:
    """Index and softmax of the largest of values [classes, y, x]; the first of equal ones."""
    if len(values) == 1:
        values = np.concatenate([np.zeros_like(values), values])
    top = values.max(axis=0)
    best = np.zeros(top.shape, np.uint8)
    # One comparison per class takes a third of the time of an argmax over the first axis.
    for i in range(len(values) - 1, -1, -1):
        best[values[i] == top] = i
    shifted = np.ascontiguousarray(values - top).reshape(len(values), -1)
    return best, (1 / cv2.exp(shifted).sum(axis=0)).reshape(top.shape)


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
