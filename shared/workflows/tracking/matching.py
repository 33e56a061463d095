"""Assignment of boxes to boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def iou(boxes: npt.ArrayLike, others: npt.ArrayLike) -> Floats:
    """Intersection over union of boxes [N, 4] and [M, 4], as [N, M]; 0 for boxes without area."""
    a, b = np.asarray(boxes, float).reshape(-1, 1, 4), np.asarray(others, float).reshape(1, -1, 4)
    inner = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(union), where=union > 0))


def assign(cost: Floats, limit: float) -> list[tuple[int, int]]:
    """Pairs of rows and columns of ``cost`` [N, M] with the least total cost, none dearer than ``limit``."""
    if not cost.size:
        return []
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - 30 MB, for whoever tracks

    rows, columns = linear_sum_assignment(np.where(cost > limit, limit + 1e-4, cost))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] <= limit]
