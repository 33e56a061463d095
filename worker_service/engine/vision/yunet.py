"""Faces as OpenCV's FaceDetectorYN finds them: a picture for YuNet, and boxes with five points from its maps.

The net answers ``cls``, ``obj``, ``bbox`` and ``kps`` at strides 8, 16 and 32, a row per cell. A face's score is the
root of the product of the first two; its box and points are offsets in cells, its sides logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from shared.errors import InferenceFailed
from worker_service.engine.runtime.signature import GraphSignature
from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.fit import Geometry
from worker_service.engine.vision.nms import best_candidates, nms

Pixels = npt.NDArray[np.uint8]
Maps = Mapping[str, npt.NDArray[Any]]
STRIDES = (8, 16, 32)
VALUES = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
NAMES = tuple(f"{kind}_{stride}" for stride in STRIDES for kind in VALUES)
STEP = 32
"""Sides of the input are multiples of it."""
SIDE = 640
"""Longest side of a picture for a graph of any size, unless somebody says otherwise."""
POINTS = ("right_eye", "left_eye", "nose", "right_mouth_corner", "left_mouth_corner")
CONFIDENCE, OVERLAP = 0.9, 0.3
"""FaceDetectorYN's thresholds."""
CANDIDATES = 5000
"""Faces considered for suppression at most."""
LARGEST = 20.0
"""Of a side's logarithm in cells; more is no face."""


def is_yunet(signature: GraphSignature) -> bool:
    """Whether the graph has one picture for its input and YuNet's twelve outputs."""
    names = {output.name for output in signature.outputs}
    return len(signature.inputs) == 1 and len(signature.inputs[0].shape) == 4 and set(NAMES) <= names


def canvas(image: Pixels, most: tuple[int, int], size: tuple[int | None, int | None]) -> tuple[Pixels, Geometry]:
    """The picture, scaled down to ``most`` (width, height) if it is larger, on black of ``size`` or of whole steps."""
    rows, columns = image.shape[:2]
    ratio = min(1.0, most[0] / columns, most[1] / rows)
    width, height = max(1, round(columns * ratio)), max(1, round(rows * ratio))
    scaled = image if ratio == 1 else cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    wide, high = size[0] or width + -width % STEP, size[1] or height + -height % STEP
    edges = (0, high - height, 0, wide - width)
    filled = np.asarray(cv2.copyMakeBorder(scaled, *edges, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8)
    return filled, Geometry(width / columns, height / rows, 0, 0, columns, rows)


def faces_in(maps: Maps, size: tuple[int, int], floor: float | np.float32, most: int) -> Candidates:
    """Faces surer than ``floor`` in pixels of an input of that width and height; ``extras`` are the five points.

    ``maps`` are [cells, values] by the graph's names. Raises InferenceFailed when they are not of that size.
    """
    found = [_level(maps, stride, size, floor, most) for stride in STRIDES]
    boxes, scores, points = (np.concatenate(each) for each in zip(*found, strict=True))
    return Candidates(boxes, scores, np.zeros(len(scores), np.int64), points)


def suppressed(found: Candidates, overlap: float, most: int) -> Candidates:
    """The best of those that overlap, best first; overlaps are those of boxes of whole pixels."""
    corner, side = np.trunc(found.boxes[:, :2]), np.trunc(found.boxes[:, 2:] - found.boxes[:, :2])
    whole = np.concatenate([corner, corner + side], axis=1).astype(np.float32)
    return found.take(nms(whole, found.scores, None, overlap, most))


def _level(
    maps: Maps, stride: int, size: tuple[int, int], floor: float | np.float32, most: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    columns, rows = size[0] // stride, size[1] // stride
    parts = {kind: maps[f"{kind}_{stride}"] for kind in VALUES}
    for kind, values in VALUES.items():
        if parts[kind].shape != (columns * rows, values):
            raise InferenceFailed(
                f"{kind}_{stride} is {list(parts[kind].shape)}; {size[0]} x {size[1]} pixels are "
                f"{columns * rows} cells of {values} values."
            )
    sure = [np.clip(parts[kind][:, 0].astype(np.float32), 0, 1) for kind in ("cls", "obj")]
    scores = np.sqrt(sure[0] * sure[1])
    at = best_candidates(scores, floor, most)
    cells = np.stack([at % columns, at // columns], axis=1).astype(np.float32)
    offsets = parts["bbox"][at].astype(np.float32)
    middle = (cells + offsets[:, :2]) * stride
    half = np.exp(np.minimum(offsets[:, 2:], LARGEST)) * stride / 2
    points = (parts["kps"][at].astype(np.float32).reshape(-1, len(POINTS), 2) + cells[:, None]) * stride
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    return boxes, scores[at], points.reshape(-1, 2 * len(POINTS))
