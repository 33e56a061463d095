"""Read a language model's answer as detections."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import uuid4

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.blocks.formatters._vlm import Unreadable, detected
from shared.workflows.fields import ImageRef, ListRef, Selector, StepFields
from shared.workflows.images import WorkflowImage

Task = Literal[
    "phrase-grounded-object-detection",
    "object-detection-and-caption",
    "open-vocabulary-object-detection",
    "region-proposal",
    "ocr-with-text-detection",
    "object-detection",
]


class _Fields(StepFields):
    image: ImageRef
    vlm_output: Annotated[str, Selector(kinds.LLM_OUTPUT)]
    classes: ListRef | list[str] | None = ...  # type: ignore[assignment] # required, though it may be null
    task_type: Task


class VLMAsDetectorV1(Block):
    """What cannot be read gives no predictions and ``error_status``."""

    ids = ("roboflow_core/vlm_as_detector@v1",)
    label = "VLM As Detector"
    summary = "Read a language model's answer as detections."
    category = "formatter"
    outputs = {"error_status": (kinds.BOOLEAN,), "predictions": (kinds.OBJECTS,), "inference_id": (kinds.STRING,)}

    class Fields(_Fields):
        """``classes`` give the ids; a name that is not among them has id -1."""

        model_type: Literal["google-gemini", "anthropic-claude", "florence-2"]

    def run(
        self, image: WorkflowImage, vlm_output: Any, classes: list[str] | None, task_type: str, model_type: str
    ) -> dict[str, Any]:
        """Detections of the image."""
        name = str(uuid4())
        try:
            found = detected(image, vlm_output, classes or [], task_type, model=model_type, name=name)
        except Unreadable:
            return {"error_status": True, "predictions": None, "inference_id": name}
        return {"error_status": False, "predictions": found, "inference_id": name}


class VLMAsDetectorV2(VLMAsDetectorV1):
    """What cannot be read gives no predictions and ``error_status``."""

    ids = ("roboflow_core/vlm_as_detector@v2",)
    outputs = {**VLMAsDetectorV1.outputs, "inference_id": (kinds.INFERENCE_ID,)}

    class Fields(_Fields):
        """``classes`` give the ids; a name that is not among them has id -1."""

        model_type: Literal["openai", "google-gemini", "anthropic-claude", "spacexai", "qwen", "muse", "florence-2"]
