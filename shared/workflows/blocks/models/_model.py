"""What blocks that run a model of the fleet share: fields, the call, and the form of the answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

import supervision as sv
from pydantic import Field

from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block, Outputs
from shared.workflows.fields import (
    BoolRef,
    FractionRef,
    ImageRef,
    IntRef,
    ListRef,
    ModelIdRef,
    Selector,
    StepFields,
    StrRef,
)
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall
from shared.workflows.rows import from_rows

CLOUD_ONLY = ("disable_active_learning", "active_learning_target_dataset", "enforce_dense_masks_in_inference_models")
"""Fields that definitions have and that mean nothing here: this server sends no images to a training service."""


class ModelFields(StepFields):
    """``hardware`` is a tag such as cpu or gpu, where workers of several kinds could run the model."""

    images: ImageRef
    model_id: ModelIdRef | str
    hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; anywhere if unset.")


class Learning(ModelFields):
    """Fields of Roboflow's active learning, accepted and ignored."""

    disable_active_learning: bool | BoolRef = True
    active_learning_target_dataset: Annotated[str, Selector(kinds.PROJECT)] | str | None = None


class Confidence(Learning):
    """The lowest confidence that is reported."""

    confidence: float | FractionRef = 0.4


class ConfidenceMode(Learning):
    """The lowest confidence that is reported: the model's own, or ``custom_confidence``."""

    confidence_mode: Literal["best", "default", "custom"] | StrRef = "best"
    custom_confidence: float | FractionRef | None = 0.4


class PlainConfidenceMode(Learning):
    """As above, without a model's best."""

    confidence_mode: Literal["default", "custom"] | StrRef = "default"
    custom_confidence: float | FractionRef | None = 0.4


class Suppression(StepFields):
    """How overlapping boxes are reduced."""

    class_filter: list[str] | ListRef | None = None
    iou_threshold: float | FractionRef = 0.3
    max_detections: int | IntRef = 300
    class_agnostic_nms: bool | BoolRef = False
    max_candidates: int | IntRef = 3000


def outputs(kind: str | tuple[str, ...], version: int) -> Outputs:
    """The outputs of a model block's versions: the first calls an id a text and does not tell the model."""
    names = (kind,) if isinstance(kind, str) else kind
    if version == 1:
        return {"inference_id": (kinds.STRING,), "predictions": names}
    return {"inference_id": (kinds.INFERENCE_ID,), "predictions": names, "model_id": (kinds.MODEL_ID,)}


class ModelBlock(Block):
    """Runs one model on all images of the step at once. Subclasses say what task it must do and read its answers."""

    category = "model"
    batch = ("images",)
    task: ClassVar[str] = ""
    extra: ClassVar[dict[str, Any]] = {}

    def run(
        self, images: Batch[WorkflowImage], model_id: str, hardware: str | None = None, **fields: Any
    ) -> list[dict[str, Any]]:
        """The model's answer for each image."""
        call = ModelCall(model_id, list(images), self.task, _params(fields) | self.extra, hardware)
        answers = self.services.models.infer(call)
        return [self._outputs(answer, image, model_id) for answer, image in zip(answers, images, strict=True)]

    def read(self, answer: dict[str, Any], image: WorkflowImage, inference_id: str) -> Any:
        """The value of ``predictions``. Boxes, unless a subclass knows better."""
        return boxes(answer, image, inference_id, self.task)

    def _outputs(self, answer: dict[str, Any], image: WorkflowImage, model_id: str) -> dict[str, Any]:
        inference_id = str(uuid4())
        predictions = self.read(answer, image, inference_id)
        found = {"inference_id": inference_id, "predictions": predictions, "model_id": model_id}
        return {name: found[name] for name in self.outputs}


def boxes(answer: dict[str, Any], image: WorkflowImage, inference_id: str, task: str) -> sv.Detections:
    """A detector's answer as detections that know their image."""
    size = answer["image"]
    more = {columns.PREDICTION_TYPE: task, columns.INFERENCE_ID: inference_id}
    return from_rows(answer["predictions"], (int(size["width"]), int(size["height"])), image, **more)


def _params(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as a model's parameters; what is None is left to the model."""
    mode, custom = fields.pop("confidence_mode", None), fields.pop("custom_confidence", None)
    if mode == "custom":
        fields["confidence"] = custom
    return {name: value for name, value in fields.items() if value is not None and name not in CLOUD_ONLY}
