"""By how much a picture is turned, judged by its dominant straight edges."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.pixels import Pixels

FLAT = 3.0  # standard deviation of grey below which there is nothing to see
STRONGEST = 80.0  # percentile of the gradient from which edges count
PEAK = 1.5  # standard deviations that the histogram's peak must rise above its median
NEAR = 3.0  # degrees around the peak that refine it


def edge_angle(grey: Pixels, max_side: int) -> float | None:
    """Degrees in (-90, 90] from the horizontal of the gradient across the dominant edges; None when none dominate.

    Vertical edges give 0, horizontal ones 90. Works on a copy of at most ``max_side`` pixels: contrast evened out
    (CLAHE), Sobel gradients, a histogram of their directions by length, and around its peak the mean direction.
    """
    small = _at_most(grey, max_side)
    if float(small.std()) < FLAT:
        return None
    even = cv2.GaussianBlur(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(small), (5, 5), 0)
    dx, dy = cv2.Sobel(even, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(even, cv2.CV_32F, 0, 1, ksize=3)
    length = np.hypot(dx, dy)
    strong = length >= max(float(np.percentile(length, STRONGEST)), 1e-6)
    if not strong.any():
        return None
    weights = length[strong].astype(np.float64)
    directions = np.degrees(np.arctan2(dy[strong], dx[strong]).astype(np.float64)) % 180
    return _dominant(directions, weights)


def _at_most(grey: Pixels, side: int) -> Pixels:
    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    size = [max(1, round(length * scale)) for length in grey.shape[::-1]]
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def _dominant(directions: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float | None:
    histogram, _ = np.histogram(directions, bins=180, range=(0, 180), weights=weights)
    smooth = np.convolve(np.concatenate([histogram[-2:], histogram, histogram[:2]]), np.ones(5) / 5, mode="valid")
    if smooth.max() - np.median(smooth) < PEAK * smooth.std() or smooth.std() == 0:
        return None
    peak = float(np.argmax(smooth)) + 0.5
    apart = np.abs(directions - peak)
    near = np.minimum(apart, 180 - apart) <= NEAR
    if not near.any():
        return wrapped(peak, 180)
    doubled = np.radians(2 * directions[near])  # directions repeat after 180 degrees
    mean = np.arctan2((weights[near] * np.sin(doubled)).sum(), (weights[near] * np.cos(doubled)).sum())
    return wrapped(float(np.degrees(mean)) / 2, 180)


def wrapped(angle: float, period: float) -> float:
    """The same angle in (-period / 2, period / 2]."""
    rest = angle % period
    return rest - period if rest > period / 2 else rest
