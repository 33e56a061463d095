"""Tell what is gone, what stayed and what is new between two pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.blocks.fusion.overlap_analysis import shared_areas
from shared.workflows.detections import at, names
from shared.workflows.fields import BoolRef, FloatRef, FractionRef, IntRef, ObjectsRef, StepFields


class DetectionsDifference(Block):
    """Pairs of the two sets by overlap, distance and class, the cheapest pair first."""

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
        """A pair costs ``spatial_weight`` of what does not overlap (of two that are apart more, the farther they are).

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
        """What stayed is told by the candidates; ``verified`` when enough of what there was is gone."""
        pairs = _matched(_costs(reference_predictions, candidate_predictions, **weights), reject_cost)
        gone = sorted(set(range(len(reference_predictions))) - {i for i, _ in pairs})
        new = sorted(set(range(len(candidate_predictions))) - {j for _, j in pairs})
        return {
            "removed_detections": at(reference_predictions, gone),
            "persisted_detections": at(candidate_predictions, sorted(j for _, j in pairs)),
            "new_detections": at(candidate_predictions, new),
            "removed_count": len(gone),
            "new_count": len(new),
            "verified": bool(len(reference_predictions)) and len(gone) >= min_removed_to_verify,
        }


def _costs(
    one: sv.Detections, other: sv.Detections, spatial_weight: float, class_mismatch_penalty: float, class_strict: bool
) -> npt.NDArray[np.float64]:
    """The price of each pair [n, m]: what does not overlap, from 0 to 1.

    Boxes that are apart cost 1 and their distance, as a share of the diagonal of the box around both.
    """
    shared, areas, others = shared_areas(one, other)
    iou = shared / np.maximum(areas[:, None] + others[None] - shared, 1e-9)
    centres = [(found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2 for found in (one, other)]
    distance = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=2)
    low = np.minimum(one.xyxy[:, None, :2], other.xyxy[None, :, :2])
    high = np.maximum(one.xyxy[:, None, 2:], other.xyxy[None, :, 2:])
    apart = 1 + distance / np.maximum(np.linalg.norm(high - low, axis=2), 1e-9)
    costs = spatial_weight * np.where(iou > 0, 1 - iou, apart)
    mismatch = np.array([[a != b for b in names(other)] for a in names(one)], bool).reshape(costs.shape)
    if class_strict:
        return np.where(mismatch, np.inf, costs)
    made: npt.NDArray[np.float64] = costs + mismatch * class_mismatch_penalty
    return made


def _matched(costs: npt.NDArray[np.float64], most: float) -> list[tuple[int, int]]:
    """Pairs, the cheapest first, until the next one costs more than ``most``; nothing is matched twice."""
    left, pairs = costs.copy(), []
    while left.size and left.min() <= most:
        i, j = (int(position) for position in np.unravel_index(left.argmin(), left.shape))
        pairs.append((i, j))
        left[i], left[:, j] = np.inf, np.inf
    return pairs
