"""Two overlapping pictures on one canvas."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.features import Features, good_matches, sift
from shared.workflows.vision.pixels import Pixels, colour, grey, u8

RATIO = 0.75  # of Lowe's test
FEWEST = 4  # points that a homography needs
LARGEST = 8  # times the area of both pictures: a canvas beyond comes from a wrong mapping


def stitched(one: Pixels, other: Pixels, error: float) -> Pixels | None:
    """The pictures joined; None when no mapping is found.

    The picture whose features lie further right, on average, stays as it is; the other one is mapped beside it.

    Args:
        one: pixels.
        other: pixels that overlap with them.
        error: pixels that a match may be off for RANSAC to count it.
    """
    pictures = [(colour(pixels), sift(grey(pixels))) for pixels in (one, other)]
    if any(len(found.keypoints) == 0 for _, found in pictures):
        return None
    pictures.sort(key=lambda picture: -float(np.mean([point.pt[0] for point in picture[1].keypoints])))
    (base, fixed), (moving, found) = pictures
    mapping = _mapping(found, fixed, max(error, 1e-3))
    return None if mapping is None else _joined(base, moving, mapping)


def _mapping(source: Features, target: Features, error: float) -> npt.NDArray[np.float64] | None:
    matches = good_matches(source.descriptors, target.descriptors, RATIO, exact=True)
    if len(matches) < FEWEST:
        return None
    here = np.array([source.keypoints[match.queryIdx].pt for match in matches], np.float32)
    there = np.array([target.keypoints[match.trainIdx].pt for match in matches], np.float32)
    cv2.setRNGSeed(1)  # RANSAC draws: the same pictures give the same answer
    mapping: Any = cv2.findHomography(here, there, cv2.RANSAC, error)[0]
    return None if mapping is None else np.asarray(mapping, np.float64)


def _joined(base: Pixels, moving: Pixels, mapping: npt.NDArray[np.float64]) -> Pixels | None:
    (high, wide), (height, width) = base.shape[:2], moving.shape[:2]
    corners = np.array([[(0, 0), (0, height), (width, height), (width, 0)]], np.float32)
    mapped = cv2.perspectiveTransform(corners, mapping)[0]
    low = np.floor(np.minimum(mapped.min(axis=0), 0)).astype(int)
    top = np.ceil(np.maximum(mapped.max(axis=0), (wide, high))).astype(int)
    size = top - low
    if not np.isfinite(mapped).all() or np.prod(size.astype(float)) > LARGEST * (base.size + moving.size) / 3:
        return None
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], float)
    canvas = u8(cv2.warpPerspective(moving, shift @ mapping, (int(size[0]), int(size[1]))))
    canvas[-low[1] : -low[1] + high, -low[0] : -low[0] + wide] = base
    return canvas
