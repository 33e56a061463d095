"""The smallest rotated rectangle around each mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import (
    BOUNDING_RECT,
    BOUNDING_RECT_ANGLE,
    BOUNDING_RECT_HEIGHT,
    BOUNDING_RECT_WIDTH,
    at,
    copied,
)
from shared.workflows.fields import InstancesRef, StepFields
from shared.workflows.vision.polygons import RotatedRect, fill, outline, smallest_rect


class BoundingRect(Block):
    """It becomes mask and box. Masks without area are left out."""

    ids = ("roboflow_core/bounding_rect@v1",)
    label = "Bounding Rectangle"
    summary = "Replace masks by the smallest rotated rectangles around them."
    category = "transformation"
    outputs = {"detections_with_rect": (kinds.INSTANCES,)}

    class Fields(StepFields):
        """Detections with masks."""

        predictions: InstancesRef

    def run(self, predictions: sv.Detections) -> dict[str, Any]:
        """Detections with ``rect`` (four corners), ``width``, ``height`` in pixels and ``angle`` in degrees."""
        if not len(predictions):
            return {"detections_with_rect": predictions}
        if predictions.mask is None:
            raise InvalidRequest("Bounding rectangles need masks: use a segmentation model.")
        masks = [np.asarray(mask, bool) for mask in predictions.mask]
        shapes = {i: shape for i, mask in enumerate(masks) if (shape := outline(mask)) is not None}
        made = copied(at(predictions, list(shapes)))
        rects = [smallest_rect(shape) for shape in shapes.values()]
        if rects:
            _write(made, rects, masks[0].shape)
        return {"detections_with_rect": made}


def _write(made: sv.Detections, rects: list[RotatedRect], shape: Any) -> None:
    corners = np.stack([rect.corners for rect in rects])
    made.mask = np.stack([fill(rect.corners, shape) for rect in rects])
    made.xyxy = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    made.data[BOUNDING_RECT] = corners.astype(np.float32)
    made.data[BOUNDING_RECT_WIDTH] = np.array([rect.width for rect in rects], np.float32)
    made.data[BOUNDING_RECT_HEIGHT] = np.array([rect.height for rect in rects], np.float32)
    made.data[BOUNDING_RECT_ANGLE] = np.array([rect.angle for rect in rects], np.float32)
