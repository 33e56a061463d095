"""Find a small picture in a large one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import BoolRef, FloatRef, FractionRef, ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.pixels import grey

MOST_CANDIDATES = 20_000  # before suppression, which compares each with each


class TemplateMatching(Block):
    """Normalised correlation of grey values at the template's own size and orientation."""

    ids = ("roboflow_core/template_matching@v1",)
    label = "Template Matching"
    summary = "Find the places of an image that look like a template."
    category = "classical_computer_vision"
    outputs = {"predictions": (kinds.OBJECTS,), "number_of_matches": (kinds.INTEGER,)}
    aliases = {"templates": "template"}

    class Fields(StepFields):
        """``matching_threshold`` is a correlation; overlapping matches are suppressed above ``nms_threshold``."""

        image: ImageRef
        template: ImageRef
        matching_threshold: FloatRef | float = 0.8
        apply_nms: BoolRef | bool = True
        nms_threshold: FractionRef | float = 0.5

    def run(
        self,
        image: WorkflowImage,
        template: WorkflowImage,
        matching_threshold: float,
        apply_nms: bool,
        nms_threshold: float,
    ) -> dict[str, Any]:
        """Boxes of class ``template_match`` with confidence 1, best matches first, and how many they are."""
        (width, height), (wide, high) = template.size, image.size
        if width > wide or height > high:
            return {"predictions": columns.empty(), "number_of_matches": 0}
        likeness = cv2.matchTemplate(grey(image.pixels), grey(template.pixels), cv2.TM_CCOEFF_NORMED)
        y, x = np.nonzero(likeness >= matching_threshold)
        if apply_nms and len(x) > MOST_CANDIDATES:
            raise InvalidRequest(f"{len(x)} places match; raise matching_threshold.")
        best = np.argsort(-likeness[y, x], kind="stable")
        boxes = np.stack([x, y, x + width, y + height], axis=1)[best]
        if apply_nms and len(boxes):
            corner_and_size = boxes - np.tile(boxes[:, :2], 2) * (0, 0, 1, 1)
            scores = likeness[y, x][best].astype(float) + 1  # a correlation may be negative, a score may not
            kept = cv2.dnn.NMSBoxes(corner_and_size.tolist(), scores.tolist(), 0.0, nms_threshold)
            boxes = boxes[np.asarray(kept, int).ravel()]
        count = len(boxes)
        found = columns.build(
            boxes,
            np.ones(count),
            np.zeros(count),
            ["template_match"] * count,
            image,
            prediction_type="object-detection",
        )
        return {"predictions": found, "number_of_matches": count}
