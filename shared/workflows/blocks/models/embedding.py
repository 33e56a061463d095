"""Images and texts as vectors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import Selector, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

TASK = "embedding"


class Clip(Block):
    """``embedding`` is a list of numbers, of any length; vectors of one version can be compared."""

    ids: ClassVar[tuple[str, ...]] = ("roboflow_core/clip@v1",)
    category = "model"
    label = "CLIP Embedding Model"
    summary = "Turn an image or a text into a vector that can be compared with others."
    outputs = {"embedding": (kinds.EMBEDDING,)}
    prefix: ClassVar[str] = "clip"

    class Fields(StepFields):
        """An image or a text, and the version: the model's id is ``clip/`` and it."""

        data: Annotated[str, Selector(kinds.IMAGE, kinds.STRING)] | str
        version: str | StrRef = "ViT-B-32"

    def run(self, data: WorkflowImage | str, version: str) -> dict[str, Any]:
        """The vector."""
        named = f"{self.prefix}/{version}"
        if isinstance(data, WorkflowImage):
            call = ModelCall(named, [data], TASK)
        else:
            call = ModelCall(named, [], TASK, texts=[str(data)])
        (answer,) = self.services.models.infer(call)
        return {"embedding": answer["embedding"]}


class PerceptionEncoder(Clip):
    """As CLIP."""

    ids = ("roboflow_core/perception_encoder@v1",)
    label = "Perception Encoder Embedding Model"
    prefix = "perception_encoder"

    class Fields(StepFields):
        """An image or a text, and the version: the model's id is ``perception_encoder/`` and it."""

        data: Annotated[str, Selector(kinds.IMAGE, kinds.STRING)] | str
        version: str | StrRef = "PE-Core-L14-336"
