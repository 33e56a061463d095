"""Non-maximum suppression: by true intersection over union, or as Roboflow's first server did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
NmsMode = Literal["iou", "legacy"]


def nms(
    boxes: Floats, scores: Floats, groups: npt.NDArray[Any] | None, iou_threshold: float, limit: int
) -> npt.NDArray[np.int64]:
    """Indices of the boxes that stay, best first; equal scores keep their order.

    Greedy: the best box left is kept and every box of its group that overlaps it by more than the threshold goes.
    Each round compares one kept box with all lesser ones and rounds end at ``limit``: time is limit x boxes at most.

    Args:
        boxes: [n, 4] x0, y0, x1, y1.
        scores: [n].
        groups: [n] class ids; boxes of different groups leave each other alone. None: all are one group.
        iou_threshold: overlap in 0..1 above which the lesser box goes.
        limit: how many boxes to keep at most.
    """
    return _by_iou(boxes, scores, groups, iou_threshold, limit, fast=False)


def fast_nms(
    boxes: Floats, scores: Floats, groups: npt.NDArray[Any] | None, iou_threshold: float, limit: int
) -> npt.NDArray[np.int64]:
    """As ``nms``, but boxes that are out let lesser ones go too: YOLACT's Fast NMS, which keeps fewer."""
    return _by_iou(boxes, scores, groups, iou_threshold, limit, fast=True)


def legacy_nms(
    boxes: Floats, scores: Floats, groups: npt.NDArray[Any] | None, threshold: float, limit: int
) -> npt.NDArray[np.int64]:
    """As ``nms``, with the overlap of Roboflow's first server: the share of the lesser box that the better one covers.

    It counts pixels, so that a box from 0 to 1 is two wide, and always suppresses more than the true one.
    """
    order = np.argsort(-scores, kind="stable")
    corners = np.ascontiguousarray(boxes[order].T, dtype=np.float32)
    limits = np.float32(threshold) * _areas(corners, 1)

    def covered(best: int, after: slice) -> Bools:
        return np.asarray(_intersection(corners[:, best], corners[:, after], 1) > limits[after])

    return order[_greedy(covered, None if groups is None else groups[order], len(order), limit)]


def best_candidates(scores: Floats, threshold: float | np.float32, limit: int) -> npt.NDArray[np.int64]:
    """Indices of the scores above the threshold, in order; only the ``limit`` best when there are more."""
    chosen = np.flatnonzero(scores > threshold)
    if chosen.size > limit:
        chosen = chosen[np.argpartition(-scores[chosen], limit - 1)[:limit]]
        chosen.sort()
    return chosen


def centre_to_corners(boxes: npt.NDArray[Any]) -> Floats:
    """[n, 4] centre x, centre y, width, height to x0, y0, x1, y1."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1).astype(np.float32, copy=False)


def _by_iou(
    boxes: Floats, scores: Floats, groups: npt.NDArray[Any] | None, iou_threshold: float, limit: int, *, fast: bool
) -> npt.NDArray[np.int64]:
    order = np.argsort(-scores, kind="stable")
    corners = np.ascontiguousarray(boxes[order].T, dtype=np.float32)
    areas = _areas(corners, 0)
    threshold = np.float32(iou_threshold)

    def covered(best: int, after: slice) -> Bools:
        # shared > threshold * union: a product instead of a quotient, so boxes without area divide nothing.
        shared = _intersection(corners[:, best], corners[:, after], 0)
        return np.asarray(shared > threshold * (areas[best] + areas[after] - shared))

    return order[_greedy(covered, None if groups is None else groups[order], len(order), limit, fast=fast)]


def _greedy(
    covered: Callable[[int, slice], Bools],
    groups: npt.NDArray[Any] | None,
    count: int,
    limit: int,
    *,
    fast: bool = False,
) -> list[int]:
    """Positions that stay; ``covered(best, after)`` says which of the lesser boxes the best one covers."""
    alive = np.ones(count, np.bool_)
    kept: list[int] = []
    for best in range(count):
        if alive[best]:
            kept.append(best)
        elif not fast:
            continue
        if len(kept) == limit:
            break
        # Slices, not index lists: comparing a box that is out already costs less than gathering those that are not.
        after = slice(best + 1, None)
        gone = covered(best, after)
        if groups is not None:
            gone &= groups[after] == groups[best]
        alive[after] &= ~gone
    return kept


def _areas(corners: Floats, pixel: int) -> Floats:
    x0, y0, x1, y1 = corners
    return np.asarray(np.maximum(x1 - x0 + pixel, 0) * np.maximum(y1 - y0 + pixel, 0), np.float32)


def _intersection(one: Floats, many: Floats, pixel: int) -> Floats:
    """Shared area of one box [4] with each of many [4, m]; ``pixel`` is added to each side."""
    width = np.minimum(one[2], many[2]) - np.maximum(one[0], many[0]) + pixel
    height = np.minimum(one[3], many[3]) - np.maximum(one[1], many[1]) + pixel
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0), np.float32)
