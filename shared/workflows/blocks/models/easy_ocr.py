"""Find lines of text and read them, with EasyOCR."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models._ocr import OUTPUTS, TASK, read
from shared.workflows.fields import ImageRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

Language = Literal["English", "Japanese", "Kannada", "Korean", "Latin", "Telugu", "Simplified Chinese"]
MODELS: dict[Language, tuple[str, tuple[str, ...]]] = {
    "English": ("english_g2", ("en",)),
    "Japanese": ("japanese_g2", ("en", "ja")),
    "Kannada": ("kannada_g2", ("en", "kn")),
    "Korean": ("korean_g2", ("en", "ko")),
    "Latin": ("latin_g2", ("en", "la", "es", "fr", "it", "pt", "de", "pl", "nl")),
    "Telugu": ("telugu_g2", ("en", "te")),
    "Simplified Chinese": ("zh_sim_g2", ("en", "ch_sim")),
}
"""For each language the recogniser, and the codes of the languages that it is to read."""


class EasyOCR(Block):
    """``result`` is the whole text, ``predictions`` a box per line with its text as the class.

    The model's id is ``easy_ocr/`` and the recogniser of the language, such as ``easy_ocr/english_g2``. Whether it is
    quantised is a matter of the graphs saved there: ``quantize`` changes nothing.
    """

    ids = ("roboflow_core/easy_ocr@v1", "EasyOCR")
    category = "model"
    label = "EasyOCR"
    summary = "Find text in an image and read it, with EasyOCR."
    batch = ("images",)
    outputs = OUTPUTS

    class Fields(StepFields):
        """Images and their language."""

        images: ImageRef
        language: Language = "English"
        quantize: bool = False
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self,
        images: Batch[WorkflowImage],
        language: Language = "English",
        quantize: bool = False,
        hardware: str | None = None,
    ) -> list[dict[str, Any]]:
        """One answer per image."""
        del quantize
        version, codes = MODELS[language]
        call = ModelCall(f"easy_ocr/{version}", list(images), TASK, {"languages": list(codes)}, hardware)
        answers = self.services.models.infer(call)
        return [read(answer, image) for answer, image in zip(answers, images, strict=True)]
