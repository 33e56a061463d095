"""Class scores on a network's grid to a class for each pixel of the source."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.masks import Axis

Floats = npt.NDArray[np.float32]
Plane = npt.NDArray[np.uint8]

# Rows done at once: all classes of a band stay in the cache.
BAND = 32


def class_map(logits: Floats, axes: tuple[Axis, Axis]) -> tuple[Plane, Floats]:
    """The best class of each source pixel and its probability.

    Logits are interpolated linearly, then the softmax is taken, as networks are trained; a single class is sigmoid.

    Args:
        logits: [classes, h, w].
        axes: how the grid lies over the source, across and down.

    Returns:
        Classes [height, width] and probabilities [height, width].
    """
    across, down = axes
    columns, used = across.weights(np.arange(across.pixels) + 0.5)
    classes = np.empty((down.pixels, across.pixels), np.uint8)
    chances = np.empty((down.pixels, across.pixels), np.float32)
    for start in range(0, down.pixels, BAND):
        band = slice(start, min(start + BAND, down.pixels))
        rows, seen = down.weights(np.arange(band.start, band.stop) + 0.5)
        values = rows @ logits[:, seen, used] @ columns.T
        if len(values) == 1:
            values = np.concatenate([np.zeros_like(values), values])
        best = values.argmax(axis=0)
        classes[band] = best
        top = np.take_along_axis(values, best[None], 0)
        chances[band] = 1 / _exponentials(values - top).sum(axis=0)
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


def _exponentials(values: Floats) -> Floats:
    return np.asarray(cv2.exp(np.ascontiguousarray(values).reshape(len(values), -1)), np.float32).reshape(values.shape)
