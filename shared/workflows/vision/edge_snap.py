"""Masks whose outlines are drawn to edges of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.pixels import Pixels, u8

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

TANGENT = 5  # points before and after a point of the outline that give its direction


@dataclass(frozen=True)
class SnapRules:
    """How edges are found and how far outlines move.

    Attributes:
        tolerance: pixels that a point of an outline may move.
        sigma: local standard deviations that an edge must rise above the local mean of the gradient.
        min_area: pixels that the outline of a connected edge must enclose.
        closing: iterations of closing (3 x 3) that join broken edges; 0 leaves them.
        band: pixels inside and outside of an outline in which edges count.
        window: side of the square that is local, pixels; made odd.
    """

    tolerance: int = 15
    sigma: float = 1.0
    min_area: float = 50.0
    closing: int = 2
    band: int = 15
    window: int = 41


def gradient(grey: Pixels) -> Floats:
    """Length of Sobel's gradient (3 x 3), [H, W]."""
    return np.asarray(
        cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(grey, cv2.CV_32F, 0, 1, ksize=3))
    )


def edges(strength: Floats, masks: list[Mask], rules: SnapRules) -> Mask:
    """Edges near the outlines of the masks, or everywhere without masks; [H, W]."""
    side = max(3, rules.window) | 1
    mean = cv2.boxFilter(strength, cv2.CV_32F, (side, side))
    variance = cv2.boxFilter(strength * strength, cv2.CV_32F, (side, side)) - mean * mean
    found = (strength > mean + rules.sigma * np.sqrt(np.maximum(variance, 0))).astype(np.uint8)
    if rules.closing > 0:
        kernel = np.ones((3, 3), np.uint8)
        found = thinned(u8(cv2.morphologyEx(found, cv2.MORPH_CLOSE, kernel, iterations=rules.closing)))
    if masks:
        found &= _band(masks, max(1, rules.band)).astype(np.uint8)
    return _large(found, rules.min_area)


def _band(masks: list[Mask], radius: int) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    bands = [cv2.dilate(m, kernel) - cv2.erode(m, kernel) for m in (mask.astype(np.uint8) for mask in masks)]
    return np.asarray(np.any(bands, axis=0))


def _large(found: Pixels, area: float) -> Mask:
    count, labels = cv2.connectedComponents(found, connectivity=8)
    keep = np.zeros(count, bool)
    for label in range(1, count):
        part, _ = cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        keep[label] = max(map(cv2.contourArea, part), default=0.0) >= area
    return np.asarray(keep[labels])


def thinned(binary: Pixels) -> Pixels:
    """One layer taken off thick lines (an iteration of Zhang and Suen, 1984), which keeps them connected."""
    image = np.pad(binary.astype(np.uint8), 1)
    for first in (True, False):
        p = _around(image)
        count = p.sum(axis=0)
        rises = ((p == 0) & (np.roll(p, -1, axis=0) == 1)).sum(axis=0)
        north, east, south, west = p[0], p[2], p[4], p[6]
        corner = (north * east * south, east * south * west) if first else (north * east * west, north * south * west)
        removable = (count >= 2) & (count <= 6) & (rises == 1) & (corner[0] == 0) & (corner[1] == 0)
        image[1:-1, 1:-1][removable] = 0
    return np.ascontiguousarray(image[1:-1, 1:-1])


def _around(padded: Pixels) -> npt.NDArray[np.int16]:
    """The eight neighbours of each pixel, clockwise from the north, [8, H, W]."""
    height, width = padded.shape
    steps = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
    return np.stack([padded[y : y + height - 2, x : x + width - 2] for y, x in steps]).astype(np.int16)


def snapped(mask: Mask, found: Mask, strength: Floats, tolerance: int) -> Mask:
    """The mask [H, W] with each point of its outlines moved across it to the best edge within ``tolerance`` pixels.

    The best edge has the highest strength, weighted down by its distance. Deep inside of the mask, further from its
    border than the tolerance, edges do not count. Points without an edge in reach stay.
    """
    shape = mask.astype(np.uint8)
    depth = cv2.distanceTransform(shape, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    reach = found & ((depth <= tolerance) | (cv2.dilate(shape, np.ones((3, 3), np.uint8)) == 0))
    outlines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines or tolerance < 1:
        return np.array(mask)
    canvas = np.zeros(shape.shape, np.uint8)
    for outline in outlines:
        cv2.fillPoly(canvas, [_moved(outline.reshape(-1, 2).astype(np.int32), reach, strength, tolerance)], 1)
    return canvas.astype(bool)


def _moved(points: npt.NDArray[np.int32], reach: Mask, strength: Floats, tolerance: int) -> npt.NDArray[np.int32]:
    tangent = (np.roll(points, -TANGENT, axis=0) - np.roll(points, TANGENT, axis=0)).astype(np.float64)
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.divide(tangent[:, ::-1] * (-1, 1), length, out=np.zeros_like(tangent), where=length > 1e-6)
    steps = np.concatenate([np.arange(1, tolerance + 1), -np.arange(1, tolerance + 1)])
    spots = np.round(points[:, None] + normal[:, None] * steps[None, :, None]).astype(np.int64)  # [N, 2 tolerance, 2]
    height, width = reach.shape
    inside = (spots >= 0).all(axis=2) & (spots[..., 0] < width) & (spots[..., 1] < height)
    x, y = np.clip(spots[..., 0], 0, width - 1), np.clip(spots[..., 1], 0, height - 1)
    usable = inside & reach[y, x] & (length > 1e-6)
    score = np.where(usable, strength[y, x] * (1 - np.abs(steps) / (tolerance + 1)), 0)
    best = score.argmax(axis=1)
    rows = np.arange(len(points))
    return np.where(score[rows, best][:, None] > 0, spots[rows, best], points).astype(np.int32)
