"""Read a language model's answer as a classification."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.blocks.formatters._vlm import Unreadable, classified
from shared.workflows.fields import ImageRef, ListRef, Selector, StepFields
from shared.workflows.images import WorkflowImage


class _Fields(StepFields):
    image: ImageRef
    vlm_output: Annotated[str, Selector(kinds.LLM_OUTPUT)]
    classes: ListRef | list[str]


class VLMAsClassifierV1(Block):
    """What cannot be read gives no predictions and ``error_status``."""

    ids = ("roboflow_core/vlm_as_classifier@v1",)
    label = "VLM As Classifier"
    summary = "Read a language model's answer as a classification."
    category = "formatter"
    outputs = {
        "error_status": (kinds.BOOLEAN,),
        "predictions": (kinds.CLASSIFICATION,),
        "inference_id": (kinds.STRING,),
    }

    class Fields(_Fields):
        """``classes`` give the ids; a name that is not among them has id -1."""

    def run(self, image: WorkflowImage, vlm_output: Any, classes: list[str]) -> dict[str, Any]:
        """A classification of the image."""
        try:
            found = classified(image, vlm_output, classes)
        except Unreadable:
            return {"error_status": True, "predictions": None, "inference_id": str(uuid4())}
        return {"error_status": False, "predictions": found, "inference_id": found["inference_id"]}


class VLMAsClassifierV2(VLMAsClassifierV1):
    """What cannot be read gives no predictions and ``error_status``."""

    ids = ("roboflow_core/vlm_as_classifier@v2",)
    outputs = {**VLMAsClassifierV1.outputs, "inference_id": (kinds.INFERENCE_ID,)}
