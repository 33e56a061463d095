"""Find the words of a page and read them, with docTR."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models._ocr import OUTPUTS, TASK, read
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

MODEL = "doctr/default"


class OCRModel(Block):
    """``result`` is the whole text, ``predictions`` a box per word with the word as its class.

    The model's id is ``doctr/default``; any model of the fleet that reads texts may be saved under it.
    """

    ids = ("roboflow_core/ocr_model@v1", "OCRModel")
    category = "model"
    label = "OCR Model"
    summary = "Find text in an image and read it, with docTR."
    batch = ("images",)
    outputs = OUTPUTS

    class Fields(StepFields):
        """Images."""

        images: ImageRef
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(self, images: Batch[WorkflowImage], hardware: str | None = None) -> list[dict[str, Any]]:
        """One answer per image."""
        answers = self.services.models.infer(ModelCall(MODEL, list(images), TASK, {}, hardware))
        return [read(answer, image) for answer, image in zip(answers, images, strict=True)]
