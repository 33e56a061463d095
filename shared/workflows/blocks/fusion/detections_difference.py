"""Tell what is gone, what stayed and what is new between two pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv
from scipy.optimize import linear_sum_assignment

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.blocks.fusion.overlap_analysis import shared_areas
from shared.workflows.detections import at, names
from shared.workflows.fields import BoolRef, FloatRef, FractionRef, IntRef, ObjectsRef, StepFields


class DetectionsDifference(Block):
    """The cheapest matching of the two sets, by distance, overlap and class."""

    ids = ("roboflow_core/detections_difference@v1", "DetectionsDifference")
    label = "Detections Difference"
    summary = "Tell what is gone, what stayed and what is new."
    category = "fusion"
    outputs = {
        "removed_detections": (kinds.OBJECTS,),
        "persisted_detections": (kinds.OBJECTS,),
        "new_detections": (kinds.OBJECTS,),
        "removed_count": (kinds.INTEGER,),
        "new_count": (kinds.INTEGER,),
        "verified": (kinds.BOOLEAN,),
    }

    class Fields(StepFields):
        """A pair costs ``spatial_weight`` of the distance and the rest of what does not overlap, each from 0 to 1.

        Another class adds the penalty, or forbids the pair when ``class_strict``; dearer pairs than ``reject_cost``
        are none.
        """

        reference_predictions: ObjectsRef
        candidate_predictions: ObjectsRef
        spatial_weight: float | FractionRef = 0.4
        class_mismatch_penalty: float | FloatRef = 0.15
        reject_cost: float | FloatRef = 0.75
        class_strict: bool | BoolRef = False
        min_removed_to_verify: int | IntRef = 1

    def run(
        self,
        reference_predictions: sv.Detections,
        candidate_predictions: sv.Detections,
        reject_cost: float,
        min_removed_to_verify: int,
        **weights: Any,
    ) -> dict[str, Any]:
        """What stayed is told by the candidates; ``verified`` when enough is gone."""
        costs = _costs(reference_predictions, candidate_predictions, **weights)
        pairs = [(i, j) for i, j in zip(*linear_sum_assignment(costs), strict=True) if costs[i, j] <= reject_cost]
        gone = sorted(set(range(len(reference_predictions))) - {int(i) for i, _ in pairs})
        new = sorted(set(range(len(candidate_predictions))) - {int(j) for _, j in pairs})
        return {
            "removed_detections": at(reference_predictions, gone),
            "persisted_detections": at(candidate_predictions, sorted(int(j) for _, j in pairs)),
            "new_detections": at(candidate_predictions, new),
            "removed_count": len(gone),
            "new_count": len(new),
            "verified": len(gone) >= min_removed_to_verify,
        }


FORBIDDEN = 1e6


def _costs(
    one: sv.Detections, other: sv.Detections, spatial_weight: float, class_mismatch_penalty: float, class_strict: bool
) -> npt.NDArray[np.float64]:
    """The price of each pair [n, m]; a distance of the larger box's diagonal, or more, is 1."""
    centres = [(found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2 for found in (one, other)]
    diagonals = [np.linalg.norm(found.xyxy[:, 2:] - found.xyxy[:, :2], axis=1) for found in (one, other)]
    span = np.maximum(np.maximum(diagonals[0][:, None], diagonals[1][None]), 1e-9)
    distance = (np.linalg.norm(centres[0][:, None] - centres[1][None], axis=2) / span).clip(0, 1)
    shared, areas, others = shared_areas(one, other)
    iou = shared / np.maximum(areas[:, None] + others[None] - shared, 1e-9)
    costs = spatial_weight * distance + (1 - spatial_weight) * (1 - iou)
    mismatch = np.array([[a != b for b in names(other)] for a in names(one)], bool).reshape(costs.shape)
    penalty = FORBIDDEN if class_strict else class_mismatch_penalty
    made: npt.NDArray[np.float64] = costs + mismatch * penalty
    return made
