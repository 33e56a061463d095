"""Ask a small language model about an image."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import ImageRef, ModelIdRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

QUESTION = "What does this picture show?"


class SmolVLM2(Block):
    """``parsed_output`` is what the model wrote. Any model of the fleet that answers prompts may be named."""

    ids = ("roboflow_core/smolvlm2@v1",)
    category = "model"
    label = "SmolVLM2"
    summary = "Ask SmolVLM2 about an image."
    batch = ("images",)
    outputs = {"parsed_output": (kinds.DICTIONARY,)}

    class Fields(StepFields):
        """Without a prompt the model is asked what is in the image."""

        images: ImageRef
        prompt: str | None = None
        model_version: ModelIdRef | str = "smolvlm2/smolvlm-2.2b-instruct"
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self, images: Batch[WorkflowImage], prompt: str | None, model_version: str, hardware: str | None = None
    ) -> list[dict[str, Any]]:
        """One answer per image."""
        params = {"prompt": prompt or QUESTION}
        answers = self.services.models.infer(ModelCall(model_version, list(images), "lmm", params, hardware))
        return [{"parsed_output": answer["response"]} for answer in answers]
