"""Find what words say, with Moondream2."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models._model import boxes
from shared.workflows.fields import ImageRef, ModelIdRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall


class Moondream2(Block):
    """``prompt`` is what to find, which is the class of every box; the model does not say how sure it is.

    For its captions and answers ask ``POST /infer/lmm``.
    """

    ids = ("roboflow_core/moondream2@v1",)
    category = "model"
    label = "Moondream2"
    summary = "Find objects that words describe, with Moondream2."
    batch = ("images",)
    outputs = {"predictions": (kinds.OBJECTS,)}

    class Fields(StepFields):
        """What to find, and with which model of the family."""

        images: ImageRef
        prompt: StrRef | str = cast("str", None)  # absent, as in the table
        model_version: ModelIdRef | str = "moondream2/moondream2_2b_jul24"
        hardware: str | None = Field(None, pattern=r"^[a-z0-9_-]{1,32}$", description="Where to run it; else anywhere.")

    def run(
        self, images: Batch[WorkflowImage], prompt: str | None, model_version: str, hardware: str | None = None
    ) -> list[dict[str, Any]]:
        """Boxes for each image. Raises InvalidRequest when there is nothing to find."""
        if not (prompt or "").strip():
            raise InvalidRequest("There is nothing to find: prompt is empty.")
        params = {"prompt": f"detect: {prompt}"}
        answers = self.services.models.infer(ModelCall(model_version, list(images), "lmm", params, hardware))
        return [
            {"predictions": boxes(answer, image, str(uuid4()), "object-detection")}
            for answer, image in zip(answers, images, strict=True)
        ]
