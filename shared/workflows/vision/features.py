"""Features of images and their matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.workflows.vision.pixels import Pixels, grey, u8

Descriptors = npt.NDArray[np.float32]

GREEN = (0, 255, 0)
_KD_TREES: dict[str, bool | int | float | str] = {"algorithm": 1, "trees": 5}
_CHECKS: dict[str, bool | int | float | str] = {"checks": 50}
_DRAWN: Any = None  # OpenCV makes the picture itself


@dataclass(frozen=True)
class Features:
    """Points (OpenCV's KeyPoint) and their descriptors [N, 128]; None without any."""

    keypoints: Sequence[Any]
    descriptors: Descriptors | None


def sift(level: Pixels) -> Features:
    """SIFT features of a grey image [H, W]."""
    detector: Any = cv2.SIFT.create()
    keypoints, descriptors = detector.detectAndCompute(level, None)
    return Features(keypoints, descriptors)


def as_dicts(keypoints: Sequence[Any]) -> list[dict[str, Any]]:
    """Points as plain values: pt (x, y), size, angle, response, octave, class_id."""
    names = ("size", "angle", "response", "octave", "class_id")
    return [{"pt": tuple(point.pt)} | {name: getattr(point, name) for name in names} for point in keypoints]


def good_matches(one: Descriptors | None, other: Descriptors | None, ratio: float, *, exact: bool = False) -> list[Any]:
    """Matches (OpenCV's DMatch) nearer than ``ratio`` times the second best; none with fewer than two on a side.

    ``exact`` compares every pair, otherwise k-d trees are searched.
    """
    if one is None or other is None or len(one) < 2 or len(other) < 2:
        return []
    matcher = cv2.BFMatcher(cv2.NORM_L2) if exact else cv2.FlannBasedMatcher(_KD_TREES, _CHECKS)
    pairs = matcher.knnMatch(np.asarray(one, np.float32), np.asarray(other, np.float32), k=2)
    both = [pair for pair in pairs if len(pair) == 2]
    return [best for best, second in both if best.distance < ratio * second.distance]


def drawn(pixels: Pixels, found: Features) -> Pixels:
    """The grey image with its points."""
    return u8(cv2.drawKeypoints(grey(pixels), found.keypoints, _DRAWN))


def side_by_side(one: tuple[Pixels, Features], other: tuple[Pixels, Features], matches: list[Any]) -> Pixels:
    """Two colour images beside each other with lines between their matches."""
    pictures = one[0], one[1].keypoints, other[0], other[1].keypoints
    return u8(cv2.drawMatches(*pictures, matches, _DRAWN, matchColor=GREEN))
