"""Find what words say, with YOLO-World."""

from __future__ import annotations

from typing import Any, Literal
from uuid import uuid4

from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models._model import boxes
from shared.workflows.fields import FractionRef, ImageRef, ListRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

TASK = "open-vocabulary-detection"


class YoloWorld(Block):
    """A class is one of the words, its id the place among them. The model's id is ``yolo_world/`` and the version.

    An export whose vocabulary was baked in is an ordinary detector: use the object detection block with it.
    """

    ids = ("roboflow_core/yolo_world_model@v1", "YoloWorldModel", "YoloWorld")
    category = "model"
    label = "YOLO-World Model"
    summary = "Find objects that words describe, with YOLO-World."
    batch = ("images",)
    outputs = {"predictions": (kinds.OBJECTS,)}

    class Fields(StepFields):
        """What to find; such models are sure of little, so the lowest confidence is low."""

        images: ImageRef
        class_names: ListRef | list[str]
        version: Literal["v2-s", "v2-m", "v2-l", "v2-x", "s", "m", "l", "x"] | StrRef = "v2-s"
        confidence: float | FractionRef | None = 0.005
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self,
        images: Batch[WorkflowImage],
        class_names: list[str],
        version: str,
        confidence: float | None,
        hardware: str | None = None,
    ) -> list[dict[str, Any]]:
        """Boxes for each image. Raises InvalidRequest when there is nothing to find."""
        if not class_names:
            raise InvalidRequest("There is nothing to find: class_names is empty.")
        params: dict[str, Any] = {"texts": [str(name) for name in class_names]}
        if confidence is not None:
            params["confidence"] = confidence
        answers = self.services.models.infer(ModelCall(f"yolo_world/{version}", list(images), TASK, params, hardware))
        return [
            {"predictions": boxes(answer, image, str(uuid4()), "object-detection")}
            for answer, image in zip(answers, images, strict=True)
        ]
