"""How sharp a picture is."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.pixels import Pixels

Measure = npt.NDArray[np.float32]


def brenner(grey: Pixels) -> Measure:
    """Brenner's measure per pixel: the squared rise over two pixels, rightwards or downwards, whichever is more.

    Brenner et al., 1976. Falls count as 0. The mean over the picture is its score.
    """
    values = grey.astype(np.float32)
    rise = np.zeros((2, *values.shape), np.float32)
    rise[0, :, :-2] = values[:, 2:] - values[:, :-2]
    rise[1, :-2] = values[2:] - values[:-2]
    return np.asarray(np.square(np.maximum(rise.max(axis=0), 0)), np.float32)


def tenengrad(grey: Pixels) -> Measure:
    """Tenengrad per pixel: the squared length of Sobel's gradient (3 x 3). The mean over the picture is its score."""
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(dx * dx + dy * dy, np.float32)


def stretched(measure: Measure) -> Pixels:
    """The measure as a picture whose highest value is white."""
    top = float(measure.max(initial=0))
    return (measure / top * 255).astype(np.uint8) if top > 0 else np.zeros(measure.shape, np.uint8)


def box_means(measure: Measure, xyxy: npt.NDArray[np.generic]) -> list[float | None]:
    """The score within each box [N, 4]; None for boxes outside the picture."""
    height, width = measure.shape
    means: list[float | None] = []
    for x0, y0, x1, y1 in xyxy.astype(int):
        part = measure[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)]
        means.append(float(part.mean()) if part.size else None)
    return means
