"""Make boxes larger."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

import numpy as np
import supervision as sv

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import DETECTION_ID, IMAGE_DIMENSIONS, PARENT_ID, copied
from shared.workflows.fields import BoxesRef, IntRef, StepFields

PERCENT = "Percent (%)"


class DetectionOffset(Block):
    """Half of the offset on each side, not beyond the image. The boxes get new ids, their old ones as parents."""

    ids = ("roboflow_core/detection_offset@v1", "DetectionOffset")
    label = "Detection Offset"
    summary = "Make boxes wider and higher."
    category = "transformation"
    outputs = {"predictions": kinds.BOXES}
    batch = ("predictions",)
    aliases = {"offset_x": "offset_width", "offset_y": "offset_height"}

    class Fields(StepFields):
        """Pixels, or percent of the box."""

        predictions: BoxesRef
        offset_width: int | IntRef
        offset_height: int | IntRef
        units: Literal["Percent (%)", "Pixels"] = "Pixels"

    def run(
        self, predictions: Batch[sv.Detections], offset_width: int, offset_height: int, units: str
    ) -> list[dict[str, Any]]:
        """The larger boxes."""
        offset = np.array([offset_width, offset_height])
        return [{"predictions": grown(found, offset, percent=units == PERCENT)} for found in predictions]


def grown(found: sv.Detections, offset: Any, *, percent: bool) -> sv.Detections:
    """A copy with boxes larger by ``offset`` (width, height) in pixels or percent; whole pixels on each side."""
    if not len(found):
        return found
    made = copied(found)
    sides = (made.xyxy[:, 2:] - made.xyxy[:, :2]) * offset / 200 if percent else np.tile(offset // 2, (len(made), 1))
    sides = sides.astype(int)
    boxes = np.concatenate([made.xyxy[:, :2] - sides, made.xyxy[:, 2:] + sides], axis=1)
    if IMAGE_DIMENSIONS in made.data:
        limits = np.asarray(made.data[IMAGE_DIMENSIONS])[:, ::-1]
        boxes[:, :2] = boxes[:, :2].clip(0)
        boxes[:, 2:] = np.minimum(boxes[:, 2:], limits)
    made.xyxy = boxes.astype(np.float64)
    if DETECTION_ID in made.data:
        made.data[PARENT_ID] = np.array(made.data[DETECTION_ID], copy=True)
    made.data[DETECTION_ID] = np.array([str(uuid4()) for _ in range(len(made))])
    return made
