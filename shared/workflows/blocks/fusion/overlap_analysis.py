"""Tell which detections of two sets overlap, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import DETECTION_ID, names
from shared.workflows.fields import FractionRef, ObjectsOrInstancesRef, StepFields


class OverlapAnalysis(Block):
    """By their masks, or boxes where there are none; one row per pair."""

    ids = ("roboflow_core/overlap_analysis@v1", "OverlapAnalysis")
    label = "Overlap Analysis"
    summary = "Tell which detections of two sets overlap, and by how much."
    category = "fusion"
    outputs = {"overlaps": (kinds.OVERLAPS,)}

    class Fields(StepFields):
        """Pairs that share less than ``min_overlap`` of the reference's area are left out."""

        reference_predictions: ObjectsOrInstancesRef
        candidate_predictions: ObjectsOrInstancesRef
        min_overlap: float | FractionRef = 0.1

    def run(
        self, reference_predictions: sv.Detections, candidate_predictions: sv.Detections, min_overlap: float
    ) -> dict[str, Any]:
        """Rows with ids, classes and confidences of both, and ``overlap_ratio``: the part of the reference's area."""
        shared, areas, _ = shared_areas(reference_predictions, candidate_predictions)
        near = np.argwhere(shared > 0).tolist()
        ratios = shared / np.maximum(areas[:, None], 1e-9)
        if reference_predictions.mask is not None or candidate_predictions.mask is not None:
            for i, j in near:
                ratios[i, j] = _covered(reference_predictions, i, candidate_predictions, j)
        return {
            "overlaps": [
                {
                    **_one("reference", reference_predictions, i),
                    **_one("candidate", candidate_predictions, j),
                    "overlap_ratio": float(ratios[i, j]),
                }
                for i, j in near
                if ratios[i, j] >= min_overlap
            ]
        }


def _one(which: str, found: sv.Detections, i: int) -> dict[str, Any]:
    return {
        f"{which}_detection_id": str(found.data[DETECTION_ID][i]),
        f"{which}_class": names(found)[i],
        f"{which}_confidence": None if found.confidence is None else float(found.confidence[i]),
    }


def _covered(one: sv.Detections, i: int, other: sv.Detections, j: int) -> float:
    """The part of one detection that the other covers, in pixels of their masks; of a box where there is no mask."""
    shape = next(np.asarray(found.mask).shape[1:] for found in (one, other) if found.mask is not None)
    mine, theirs = (_pixels(found, position, shape) for found, position in ((one, i), (other, j)))
    return int(np.count_nonzero(mine & theirs)) / max(int(np.count_nonzero(mine)), 1)


def _pixels(found: sv.Detections, i: int, shape: tuple[int, ...]) -> Any:
    if found.mask is not None and np.any(found.mask[i]):
        return np.asarray(found.mask[i], bool)
    box = np.zeros(shape, bool)
    x0, y0, x1, y1 = np.maximum(found.xyxy[i].round().astype(int), 0)
    box[y0:y1, x0:x1] = True
    return box


def shared_areas(one: sv.Detections, other: sv.Detections) -> tuple[Any, Any, Any]:
    """Areas in square pixels: of what each pair of boxes shares [n, m], of the first set's [n], of the other's [m]."""
    low = np.maximum(one.xyxy[:, None, :2], other.xyxy[None, :, :2])
    high = np.minimum(one.xyxy[:, None, 2:], other.xyxy[None, :, 2:])
    return (high - low).clip(0).prod(axis=2).astype(float), one.box_area.astype(float), other.box_area.astype(float)
