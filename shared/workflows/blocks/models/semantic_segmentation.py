"""Say what each pixel shows."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.blocks.models._model import ModelBlock, ModelFields, outputs
from shared.workflows.fields import FractionRef, StrRef
from shared.workflows.images import WorkflowImage

BACKGROUND = "background"


class SemanticSegmentation(ModelBlock):
    """One detection per class that occurs, the background left out: its mask, the box around that, mean confidence."""

    ids = ("roboflow_core/roboflow_semantic_segmentation_model@v1",)
    label = "Semantic Segmentation Model"
    summary = "Say which class each pixel shows."
    task = "semantic-segmentation"
    outputs = outputs(kinds.SEMANTIC, 2)

    class Fields(ModelFields):
        """The image and the model."""

    @override
    def read(self, answer: dict[str, Any], image: WorkflowImage, inference_id: str) -> Any:
        """The class map as detections."""
        found = answer["predictions"]
        classes, sure = _plane(found["segmentation_mask"]), _plane(found["confidence_mask"])
        names = {int(number): str(name) for number, name in found["class_map"].items()}
        present = [number for number in found["present_class_ids"] if names.get(number) != BACKGROUND]
        masks = [classes == number for number in present]
        return columns.build(
            [_box(mask) for mask in masks],
            [float(sure[mask].mean()) / 255 for mask in masks],
            present,
            [names.get(number, str(number)) for number in present],
            image,
            mask=np.array(masks) if masks else None,
            **{columns.PREDICTION_TYPE: self.task, columns.INFERENCE_ID: inference_id},
        )


class SemanticSegmentation2(SemanticSegmentation):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_semantic_segmentation_model@v2",)

    class Fields(ModelFields):
        """A way to choose the confidence."""

        confidence_mode: Literal["best", "default", "custom"] | StrRef = "best"
        custom_confidence: float | FractionRef | None = 0.4


def _plane(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _box(mask: npt.NDArray[np.bool_]) -> list[int]:
    rows, cells = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [int(cells[0]), int(rows[0]), int(cells[-1]) + 1, int(rows[-1]) + 1]
