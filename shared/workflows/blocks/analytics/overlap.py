"""Keep objects that overlap an object of some class."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import at, names
from shared.workflows.fields import ObjectsOrInstancesRef, StepFields


class Overlap(Block):
    """Such as people on bicycles: those whose centre, or any part, is in the box of a bicycle."""

    ids = ("roboflow_core/overlap@v1",)
    label = "Overlap Filter"
    summary = "Keep objects that overlap an object of some class."
    category = "analytics"
    outputs = {"overlaps": (kinds.OBJECTS,)}

    class Fields(StepFields):
        """Objects of ``overlap_class_name`` are not kept themselves."""

        predictions: ObjectsOrInstancesRef
        overlap_type: Literal["Center Overlap", "Any Overlap"] = "Center Overlap"
        overlap_class_name: str

    def run(self, predictions: sv.Detections, overlap_type: str, overlap_class_name: str) -> dict[str, Any]:
        """Those that overlap."""
        is_target = np.array([name == overlap_class_name for name in names(predictions)], dtype=bool)
        boxes, targets = predictions.xyxy[:, None], predictions.xyxy[is_target][None]
        low, high = boxes[..., :2], boxes[..., 2:]
        if overlap_type == "Center Overlap":
            low = high = (low + high) / 2
        meets = ((low <= targets[..., 2:]) & (high >= targets[..., :2])).all(axis=2).any(axis=1)
        return {"overlaps": at(predictions, np.flatnonzero(meets & ~is_target).tolist())}
