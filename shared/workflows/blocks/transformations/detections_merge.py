"""One box around all detections."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import CLASS_NAME, DETECTION_ID, empty
from shared.workflows.fields import BoxesRef, StepFields
from shared.workflows.merging import PLACE


class DetectionsMerge(Block):
    """Its confidence is the lowest of them, its class id 0."""

    ids = ("roboflow_core/detections_merge@v1",)
    label = "Detections Merge"
    summary = "Put one box around all detections."
    category = "transformation"
    outputs = {"predictions": (kinds.OBJECTS,)}

    class Fields(StepFields):
        """``class_name`` of the new box."""

        predictions: BoxesRef
        class_name: str = "merged_detection"

    def run(self, predictions: sv.Detections, class_name: str) -> dict[str, Any]:
        """One detection, or none when there was none."""
        if not len(predictions):
            return {"predictions": empty()}
        boxes = predictions.xyxy
        box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
        data: dict[str, Any] = {name: predictions.data[name][:1] for name in PLACE if name in predictions.data}
        data |= {CLASS_NAME: np.array([class_name]), DETECTION_ID: np.array([str(uuid4())])}
        lowest = None if predictions.confidence is None else np.array([predictions.confidence.min()], np.float64)
        return {"predictions": sv.Detections(box[None].astype(np.float64), None, lowest, np.array([0]), data=data)}
