"""Find text and read it, with PP-OCR."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models._ocr import OUTPUTS, TASK, read
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

Size = Literal["none", "tiny", "small", "medium"]


class PPOCR(Block):
    """``result`` is the whole text, ``predictions`` a box per line with its text as the class.

    The model's id is ``pp_ocr/`` and both sizes, such as ``pp_ocr/small-small``. Without recognition boxes have no
    text, without detection the whole image is one line.
    """

    ids = ("roboflow_core/pp_ocr@v1",)
    category = "model"
    label = "PP-OCR"
    summary = "Find text in an image and read it, with PP-OCR."
    batch = ("images",)
    outputs = OUTPUTS

    class Fields(StepFields):
        """Which nets find and read."""

        images: ImageRef
        text_detection: Size = "small"
        text_recognition: Size = "small"
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self, images: Batch[WorkflowImage], text_detection: Size, text_recognition: Size, hardware: str | None = None
    ) -> list[dict[str, Any]]:
        """One answer per image. Raises InvalidRequest when it should neither find nor read."""
        if text_detection == text_recognition == "none":
            raise InvalidRequest("text_detection and text_recognition are both 'none': nothing is left to do.")
        model = f"pp_ocr/{text_detection}-{text_recognition}"
        answers = self.services.models.infer(ModelCall(model, list(images), TASK, {}, hardware))
        return [read(answer, image) for answer, image in zip(answers, images, strict=True)]
