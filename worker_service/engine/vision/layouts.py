"""One image's raw outputs to candidates: a pure function per layout, shared by the tasks that are built on it.

Each picks the few boxes above the threshold first and only then touches their other columns. Boxes come out as corners
in input pixels, float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from worker_service.engine.vision.candidates import Candidates
from worker_service.engine.vision.nms import best_candidates, centre_to_corners

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


def channel_rows(output: Array, classes: int, threshold: float | np.float32, limit: int) -> Candidates:
    """YOLOv8: [4 + classes + extras, anchors], boxes as centre and size, scores 0..1, one class per box."""
    by_class = _float(output[4 : 4 + classes])
    # The maximum of all anchors first: which class has it, only matters for the few that pass the threshold.
    best = by_class.max(axis=0)
    chosen = best_candidates(best, threshold, limit)
    return Candidates(
        centre_to_corners(_float(output[:4, chosen].T)),
        best[chosen],
        by_class[:, chosen].argmax(axis=0),
        _float(output[4 + classes :, chosen].T),
    )


def objectness_rows(
    output: Array, classes: int, threshold: float | np.float32, limit: int, *, legacy: bool = False
) -> Candidates:
    """YOLOv5 and v7: [anchors, 5 + classes + extras] with centre, size, objectness and class scores, all 0..1.

    A box's score is objectness times class score, as in the original, which multiplies mask coefficients too;
    ``legacy`` takes the objectness alone for the score, as Roboflow's first server did.
    """
    # No product is above its objectness, so most rows are out after one look.
    rows = _float(output[np.flatnonzero(output[:, 4] > threshold)])
    by_class = rows[:, 5 : 5 + classes]
    class_ids = by_class.argmax(axis=1)
    scores = rows[:, 4] if legacy else rows[:, 4] * by_class[np.arange(len(rows)), class_ids]
    chosen = best_candidates(scores, threshold, limit)
    rows = rows[chosen]
    extras = rows[:, 5 + classes :] * rows[:, 4:5]
    return Candidates(centre_to_corners(rows[:, :4]), scores[chosen], class_ids[chosen], extras)


def anchor_maps(maps: Sequence[Array], anchors: Floats, size: tuple[int, int], threshold: float | np.float32) -> Floats:
    """YOLOv5's and v7's raw maps to rows [n, 5 + classes + extras] as above, for ``objectness_rows``.

    Args:
        maps: per level, finest first: [anchors, h, w, 5 + classes] before the sigmoid.
        anchors: [levels, anchors, 2] widths and heights in input pixels.
        size: width and height of the input.
        threshold: cells whose objectness is below are left out.
    """
    # A little lower than the logit of the threshold, so that rounding loses none: ``objectness_rows`` decides.
    least = float(np.log(max(threshold, 1e-9) / max(1 - threshold, 1e-9))) - 1e-3
    return np.concatenate([_anchor_map(level, anchors[i], size, least) for i, level in enumerate(maps)])


def _anchor_map(level: Array, anchors: Floats, size: tuple[int, int], least: float) -> Floats:
    anchor, row, column = np.nonzero(level[..., 4] >= least)
    rows = sigmoid(_float(level[anchor, row, column]))
    stride = np.array([size[0] / level.shape[2], size[1] / level.shape[1]], np.float32)
    cell = np.stack([column, row], axis=1).astype(np.float32)
    rows[:, :2] = (rows[:, :2] * 2 - 0.5 + cell) * stride
    rows[:, 2:4] = (rows[:, 2:4] * 2) ** 2 * anchors[anchor]
    return rows


def final_rows(output: Array, threshold: float | np.float32) -> Candidates:
    """Suppressed in the graph: [n, 6 + extras] corners, score, class; rows of zeros fill it up."""
    scores = output[:, 4]
    rows = _float(output[(scores > threshold) & (scores > 0)])
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), rows[:, 6:])


def box_class_pairs(boxes: Array, scores: Array, threshold: float | np.float32, limit: int) -> Candidates:
    """YOLO-NAS: corners [anchors, 4] and scores [anchors, classes]; a box counts once for each class above."""
    which, class_ids = pairs_above(scores, threshold)
    pairs = _float(scores[which, class_ids])
    chosen = best_candidates(pairs, 0, limit)
    which = which[chosen]
    return Candidates(_float(boxes[which]), pairs[chosen], class_ids[chosen], _nothing(len(which)))


def query_class_pairs(boxes: Array, logits: Array, size: tuple[int, int], threshold: float | np.float32) -> Candidates:
    """RF-DETR: centre boxes [queries, 4] in 0..1 and logits [queries, classes]; extras hold the query's number.

    The best ``queries`` of all query-class pairs are kept: a query may answer twice and another not at all.
    """
    flat = sigmoid(_float(logits)).reshape(-1)
    best = np.argsort(-flat, kind="stable")[: len(logits)]
    best = best[flat[best] > threshold]
    query, class_ids = np.divmod(best, logits.shape[1])
    corners = centre_to_corners(_float(boxes[query])) * np.array([*size, *size], np.float32)
    return Candidates(corners, flat[best], class_ids, query[:, None].astype(np.float32))


def prior_boxes(offsets: Array, priors: Array, size: tuple[int, int]) -> Floats:
    """YOLACT: offsets [n, 4] from priors [n, 4] (centre and size in 0..1) to corners in input pixels.

    Variances 0.1 and 0.2 are those of SSD, which YOLACT keeps.
    """
    centres = priors[:, :2] + offsets[:, :2] * 0.1 * priors[:, 2:]
    sizes = priors[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
    corners = centre_to_corners(np.concatenate([centres, sizes], axis=1))
    return corners * np.array([*size, *size], np.float32)


def sigmoid(values: Floats) -> Floats:
    """Written as a tanh, which does not overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values), np.float32)


def pairs_above(scores: Array, threshold: float | np.float32) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of the scores above the threshold, row by row; in one axis, which numpy searches faster."""
    rows, columns = np.divmod(np.flatnonzero(scores > threshold), scores.shape[1])
    return rows, columns


def _float(values: Array) -> Floats:
    return np.asarray(values.astype(np.float32, copy=False), np.float32)


def _nothing(count: int) -> Floats:
    return np.zeros((count, 0), np.float32)
