"""Say what an image shows: one class, or several."""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.blocks.models._model import (
    Confidence,
    ConfidenceMode,
    ModelBlock,
    PlainConfidenceMode,
    outputs,
)
from shared.workflows.images import WorkflowImage


class Classification(ModelBlock):
    """The most likely class, and all that are likely enough."""

    ids: ClassVar[tuple[str, ...]] = (
        "roboflow_core/roboflow_classification_model@v1",
        "RoboflowClassificationModel",
        "ClassificationModel",
    )
    label = "Single-Label Classification Model"
    summary = "Say which one class an image shows."
    task = "classification"
    outputs = outputs(kinds.CLASSIFICATION, 1)

    class Fields(Confidence):
        """The lowest confidence that is reported."""

    @override
    def read(self, answer: dict[str, Any], image: WorkflowImage, inference_id: str) -> Any:
        """The model's answer, and which image it is about."""
        about = {"inference_id": inference_id, "prediction_type": "classification"}
        about |= {"parent_id": image.parent_id, "root_parent_id": image.root_id}
        return {name: value for name, value in answer.items() if name not in ("task", "visualization")} | about


class Classification2(Classification):
    """Also tells which model it was."""

    ids = ("roboflow_core/roboflow_classification_model@v2",)
    outputs = outputs(kinds.CLASSIFICATION, 2)


class Classification3(Classification2):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_classification_model@v3",)

    class Fields(PlainConfidenceMode):
        """A way to choose the confidence."""


class MultiLabel(Classification):
    """The confidence of every class, and those that are likely enough."""

    ids: ClassVar[tuple[str, ...]] = (
        "roboflow_core/roboflow_multi_label_classification_model@v1",
        "RoboflowMultiLabelClassificationModel",
        "MultiLabelClassificationModel",
    )
    label = "Multi-Label Classification Model"
    summary = "Say which classes an image shows."

    class Fields(Confidence):
        """The lowest confidence that is reported."""


class MultiLabel2(MultiLabel):
    """Also tells which model it was."""

    ids = ("roboflow_core/roboflow_multi_label_classification_model@v2",)
    outputs = outputs(kinds.CLASSIFICATION, 2)


class MultiLabel3(MultiLabel2):
    """Can leave the confidence to the model."""

    ids = ("roboflow_core/roboflow_multi_label_classification_model@v3",)

    class Fields(ConfidenceMode):
        """A way to choose the confidence."""
