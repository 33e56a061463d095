"""How the camera moved between two frames: a turn, a scale and a shift, from what stands still in the picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InvalidRequest
from shared.workflows.tracking.kalman import State
from shared.workflows.vision.features import good_matches
from shared.workflows.vision.pixels import Pixels, grey, u8

Transform = npt.NDArray[np.float64]
"""[2, 3]: points of the last frame to points of this one."""

METHODS = ("orb", "sift", "sparseOptFlow", "ecc")
FEWEST = 4  # matched points
RATIO = 0.9  # of Lowe's test
_NOTHING: Any = None


class CameraMotion:
    """Frames of one video, looked at ``downscale`` times smaller."""

    def __init__(self, method: str = "sparseOptFlow", downscale: int = 2) -> None:
        if method not in METHODS or downscale < 1:
            raise InvalidRequest(f"cmc_method is one of {', '.join(METHODS)}, cmc_downscale at least 1.")
        self._method, self._downscale = method, downscale
        self._before: Pixels | None = None

    def of(self, pixels: Pixels) -> Transform:
        """The motion since the last frame; none when it cannot be told."""
        level = grey(pixels)
        if self._downscale > 1:
            size = max(1, level.shape[1] // self._downscale), max(1, level.shape[0] // self._downscale)
            level = u8(cv2.resize(level, size, interpolation=cv2.INTER_AREA))
        before, self._before = self._before, level
        if before is None or before.shape != level.shape:
            return np.eye(2, 3)
        motion = _by_ecc(before, level) if self._method == "ecc" else self._by_points(before, level)
        motion[:, 2] *= self._downscale
        return motion

    def _by_points(self, before: Pixels, now: Pixels) -> Transform:
        source, target = _flow(before, now) if self._method == "sparseOptFlow" else _features(before, now, self._method)
        if len(source) < FEWEST:
            return np.eye(2, 3)
        cv2.setRNGSeed(1)
        motion: Any = cv2.estimateAffinePartial2D(source, target)[0]
        return np.eye(2, 3) if motion is None else np.asarray(motion, float)


def _flow(before: Pixels, now: Pixels) -> tuple[Any, Any]:
    """Corners of the last frame and where they went (Lucas and Kanade's optical flow)."""
    corners: Any = cv2.goodFeaturesToTrack(before, 1000, 0.01, 1, mask=_NOTHING, blockSize=3)
    if corners is None:
        return [], []
    went, found, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, _NOTHING)
    kept = np.asarray(found).ravel() == 1
    return corners[kept], np.asarray(went)[kept]


def _features(before: Pixels, now: Pixels, method: str) -> tuple[Any, Any]:
    detector: Any = cv2.SIFT.create() if method == "sift" else cv2.ORB.create()
    (points, these), (others, those) = (detector.detectAndCompute(level, None) for level in (before, now))
    matches = good_matches(_floats(these), _floats(those), RATIO, exact=True)
    source = np.array([points[match.queryIdx].pt for match in matches], np.float32)
    return source, np.array([others[match.trainIdx].pt for match in matches], np.float32)


def _floats(descriptors: Any) -> Any:
    """ORB's bits as numbers, whose distance then is the root of how many differ."""
    if descriptors is None or descriptors.dtype != np.uint8:
        return descriptors
    return np.unpackbits(descriptors, axis=1).astype(np.float32)


def _by_ecc(before: Pixels, now: Pixels) -> Transform:
    """By correlation of the whole pictures."""
    start: Any = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
    try:
        _, motion = cv2.findTransformECC(before, now, start, cv2.MOTION_EUCLIDEAN, stop)
    except cv2.error:  # the pictures have nothing in common
        return np.eye(2, 3)
    return np.asarray(motion, float)


def moved(state: State, motion: Transform) -> State:
    """A track's state as the moved camera sees it."""
    turn = motion[:, :2]
    scale = float(np.sqrt(abs(np.linalg.det(turn))))
    change = np.eye(8)
    change[:2, :2] = change[4:6, 4:6] = turn
    change[3, 3] = change[7, 7] = scale
    mean = change @ state.mean
    mean[:2] += motion[:, 2]
    return State(mean, change @ state.covariance @ change.T)
