"""Where text is: the map of a differentiable-binarization net to boxes, in reading order, and their pixels upright.

The steps and their order are those of PaddleOCR's DBPostProcess (Liao et al., Real-time Scene Text Detection with
Differentiable Binarization, 2020): threshold, the least rectangle around each region, its mean score, and its growth by
area * ratio / perimeter, by which regions are smaller than text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEAST_SIDE = 3
SAME_LINE = 10
"""Boxes whose upper left corners are less apart in y, in source pixels, stand in one line."""
UPRIGHT = 1.5
"""Height over width from which a piece is taken for text that runs downwards."""


class Rules(NamedTuple):
    """What counts as text: the map's threshold, a box's mean score, its growth, and how many there may be."""

    threshold: float = 0.3
    box_score: float = 0.5
    growth: float = 1.6
    dilate: bool = True
    most: int = 1000


def boxes_in(chances: Array, size: tuple[int, int], rules: Rules) -> tuple[Array, Array]:
    """[n, 4, 2] corners in an image of that width and height, clockwise from the upper left, and [n] scores.

    ``chances`` is [h, w] in 0..1, the net's answer to the whole image, stretched. Lines from top to
    bottom, in each from left to right.
    """
    mask = (chances > rules.threshold).astype(np.uint8)
    if rules.dilate:
        mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)), np.uint8)
    contours, _ = cv2.findContours(mask * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([size[0] / chances.shape[1], size[1] / chances.shape[0]])
    found: list[tuple[Array, float]] = []
    for contour in contours[: rules.most]:
        box = _box(contour, chances, rules)
        if box is not None:
            corners = np.clip(np.round(box[0] * scale), 0, np.array(size) - 1).astype(np.float32)
            if min(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[0] - corners[3])) >= LEAST_SIDE + 1:
                found.append((corners, box[1]))
    if not found:
        return np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32)
    boxes = np.stack([corners for corners, _ in found])
    order = _reading_order(boxes)
    return boxes[order], np.array([score for _, score in found], np.float32)[order]


def cut_out(image: npt.NDArray[np.uint8], corners: Array) -> npt.NDArray[np.uint8]:
    """The pixels between four corners as an upright picture; text that runs downwards is turned."""
    width = int(max(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[2] - corners[3])))
    height = int(max(np.linalg.norm(corners[0] - corners[3]), np.linalg.norm(corners[1] - corners[2])))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    piece = cv2.warpPerspective(
        image, turn, (max(1, width), max(1, height)), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    turned: npt.NDArray[np.uint8] = np.ascontiguousarray(
        np.rot90(piece) if piece.shape[0] / piece.shape[1] >= UPRIGHT else piece
    )
    return turned


def _box(contour: Array, chances: Array, rules: Rules) -> tuple[Array, float] | None:
    middle, sides, angle = cv2.minAreaRect(contour)
    if min(sides) < LEAST_SIDE:
        return None
    score = _mean_inside(chances, _corners((middle, sides, angle)))
    if score < rules.box_score:
        return None
    by = 2 * sides[0] * sides[1] * rules.growth / (2 * (sides[0] + sides[1]))
    grown = (sides[0] + by, sides[1] + by)
    return None if min(grown) < LEAST_SIDE + 2 else (_corners((middle, grown, angle)), score)


def _corners(rectangle: Any) -> Array:
    """[4, 2], clockwise from the upper left."""
    points = cv2.boxPoints(rectangle)
    points = points[np.argsort(points[:, 0], kind="stable")]
    left, right = points[:2], points[2:]
    left, right = left[np.argsort(left[:, 1], kind="stable")], right[np.argsort(right[:, 1], kind="stable")]
    return np.stack([left[0], right[0], right[1], left[1]])


def _mean_inside(chances: Array, corners: Array) -> float:
    limit = np.array([chances.shape[1] - 1, chances.shape[0] - 1])
    low = np.clip(np.floor(corners.min(0)).astype(int), 0, limit)
    high = np.clip(np.ceil(corners.max(0)).astype(int), 0, limit)
    inside = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(inside, [(corners - low).astype(np.int32)], 1)
    return float(cv2.mean(chances[low[1] : high[1] + 1, low[0] : high[0] + 1], inside)[0])


def _reading_order(boxes: Array) -> Array:
    down = np.argsort(boxes[:, 0, 1], kind="stable")
    line = np.concatenate([[0], np.cumsum(np.diff(boxes[down, 0, 1]) >= SAME_LINE)])
    return down[np.lexsort((boxes[down, 0, 0], line))]
