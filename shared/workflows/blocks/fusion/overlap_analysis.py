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
    """By their boxes; one row per pair."""

    ids = ("roboflow_core/overlap_analysis@v1", "OverlapAnalysis")
    label = "Overlap Analysis"
    summary = "Tell which detections of two sets overlap, and by how much."
    category = "fusion"
    outputs = {"overlaps": (kinds.OVERLAPS,)}

    class Fields(StepFields):
        """Pairs that share less than ``min_overlap`` of the reference's box are left out."""

        reference_predictions: ObjectsOrInstancesRef
        candidate_predictions: ObjectsOrInstancesRef
        min_overlap: float | FractionRef = 0.1

    def run(
        self, reference_predictions: sv.Detections, candidate_predictions: sv.Detections, min_overlap: float
    ) -> dict[str, Any]:
        """Rows with both ids and classes, ``overlap`` (part of the reference that is covered) and ``iou``."""
        shared, areas, others = shared_areas(reference_predictions, candidate_predictions)
        overlap = shared / np.maximum(areas[:, None], 1e-9)
        iou = shared / np.maximum(areas[:, None] + others[None] - shared, 1e-9)
        rows = [
            {
                "reference_detection_id": _name(reference_predictions, i),
                "reference_class": names(reference_predictions)[i],
                "candidate_detection_id": _name(candidate_predictions, j),
                "candidate_class": names(candidate_predictions)[j],
                "overlap": float(overlap[i, j]),
                "iou": float(iou[i, j]),
            }
            for i, j in np.argwhere((shared > 0) & (overlap >= min_overlap)).tolist()
        ]
        return {"overlaps": rows}


def shared_areas(one: sv.Detections, other: sv.Detections) -> tuple[Any, Any, Any]:
    """Areas in square pixels: of what each pair of boxes shares [n, m], of the first set's [n], of the other's [m]."""
    low = np.maximum(one.xyxy[:, None, :2], other.xyxy[None, :, :2])
    high = np.minimum(one.xyxy[:, None, 2:], other.xyxy[None, :, 2:])
    return (high - low).clip(0).prod(axis=2).astype(float), one.box_area.astype(float), other.box_area.astype(float)


def _name(found: sv.Detections, i: int) -> str:
    return str(found.data[DETECTION_ID][i])
