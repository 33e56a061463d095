"""Non-maximum suppression by true intersection over union."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


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
    order = np.argsort(-scores, kind="stable")
    corners = np.ascontiguousarray(boxes[order].T, dtype=np.float32)
    x0, y0, x1, y1 = corners
    areas = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    classes = None if groups is None else groups[order]
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for best in range(len(order)):
        if not alive[best]:
            continue
        kept.append(best)
        if len(kept) == limit:
            break
        # Slices, not index lists: comparing a box that is out already costs less than gathering those that are not.
        after = slice(best + 1, None)
        shared = _intersection(corners[:, best], corners[:, after])
        # shared > threshold * union: a product instead of a quotient, so boxes without area divide nothing.
        gone = shared > np.float32(iou_threshold) * (areas[best] + areas[after] - shared)
        if classes is not None:
            gone &= classes[after] == classes[best]
        alive[after] &= ~gone
    return order[kept]


def best_candidates(scores: Floats, threshold: float, limit: int) -> npt.NDArray[np.int64]:
    """Indices of the scores at or above the threshold, in order; only the ``limit`` best when there are more."""
    chosen = np.flatnonzero(scores >= threshold)
    if chosen.size > limit:
        chosen = chosen[np.argpartition(-scores[chosen], limit - 1)[:limit]]
        chosen.sort()
    return chosen


def centre_to_corners(boxes: npt.NDArray[Any]) -> Floats:
    """[n, 4] centre x, centre y, width, height to x0, y0, x1, y1."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1).astype(np.float32, copy=False)


def _intersection(one: Floats, many: Floats) -> Floats:
    """Shared area of one box [4] with each of many [4, m]."""
    width = np.minimum(one[2], many[2]) - np.maximum(one[0], many[0])
    height = np.minimum(one[3], many[3]) - np.maximum(one[1], many[1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0), np.float32)
