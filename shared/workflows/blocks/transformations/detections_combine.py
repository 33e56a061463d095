"""Two sets of detections as one."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import ObjectsOrInstancesRef, StepFields
from shared.workflows.merging import merged


class DetectionsCombine(Block):
    """All of both, nothing removed: overlaps stay. Where only one set has masks, those of the other are its boxes."""

    ids = ("roboflow_core/detections_combine@v1",)
    label = "Detections Combine"
    summary = "Put two sets of detections together."
    category = "transformation"
    outputs = {"predictions": (kinds.OBJECTS, kinds.INSTANCES)}

    class Fields(StepFields):
        """Two sets of one image."""

        prediction_one: ObjectsOrInstancesRef
        prediction_two: ObjectsOrInstancesRef

    def run(self, prediction_one: sv.Detections, prediction_two: sv.Detections) -> dict[str, Any]:
        """The first set's detections, then the second's."""
        return {"predictions": merged([prediction_one, prediction_two])}
