"""Which of some texts describes an image best."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import uuid4

from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.models.embedding import TASK
from shared.workflows.fields import ImageRef, ListRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.models import ModelCall

MODEL = "clip/ViT-B-16"


class ClipComparison(Block):
    """``similarity`` is the cosine between the image and each text, in the order of the texts."""

    ids: ClassVar[tuple[str, ...]] = ("roboflow_core/clip_comparison@v1", "ClipComparison")
    category = "model"
    label = "Clip Comparison"
    summary = "Say how well each of some texts describes an image."
    batch = ("images",)
    outputs = {
        "similarity": (kinds.LIST,),
        "parent_id": (kinds.PARENT_ID,),
        "root_parent_id": (kinds.PARENT_ID,),
        "prediction_type": (kinds.PREDICTION_TYPE,),
    }

    class Fields(StepFields):
        """Images and texts."""

        images: ImageRef
        texts: list[str] | ListRef

    def run(self, images: Batch[WorkflowImage], texts: list[str]) -> list[dict[str, Any]]:
        """All texts, for each image."""
        return [
            {"similarity": likeness, **_about(image), "prediction_type": "embeddings-comparison"}
            for image, likeness in zip(images, self.likeness(MODEL, images, texts), strict=True)
        ]

    def likeness(self, model: str, images: Batch[WorkflowImage], texts: list[str]) -> list[list[float]]:
        """The cosines of each image. Raises InvalidRequest when there is nothing to compare with."""
        if not texts:
            raise InvalidRequest("There is nothing to compare the image with: the list of texts is empty.")
        answers = self.services.models.infer(ModelCall(model, list(images), TASK, {"texts": [str(t) for t in texts]}))
        return [answer["similarity"] for answer in answers]


class ClipComparison2(ClipComparison):
    """Also says which class is most and which least alike, and answers as a classifier does."""

    ids = ("roboflow_core/clip_comparison@v2",)
    outputs = {
        "similarities": (kinds.LIST,),
        "max_similarity": (kinds.FRACTION,),
        "most_similar_class": (kinds.STRING,),
        "min_similarity": (kinds.FRACTION,),
        "least_similar_class": (kinds.STRING,),
        "classification_predictions": (kinds.CLASSIFICATION,),
        "parent_id": (kinds.PARENT_ID,),
        "root_parent_id": (kinds.PARENT_ID,),
    }

    class Fields(StepFields):
        """Images, classes, and CLIP's version: the model's id is ``clip/`` and it."""

        images: ImageRef
        classes: list[str] | ListRef
        version: str | StrRef = "ViT-B-16"

    @override
    def run(  # type: ignore[override]  # its fields have other names
        self, images: Batch[WorkflowImage], classes: list[str], version: str
    ) -> list[dict[str, Any]]:
        """All classes, for each image."""
        found = self.likeness(f"clip/{version}", images, classes)
        return [_compared(image, classes, likeness) for image, likeness in zip(images, found, strict=True)]


def _compared(image: WorkflowImage, classes: list[str], likeness: list[float]) -> dict[str, Any]:
    order = sorted(range(len(classes)), key=lambda i: -likeness[i])
    best, worst = order[0], order[-1]
    rows = [{"class": classes[i], "class_id": i, "confidence": likeness[i]} for i in order]
    width, height = image.size
    predictions = {
        "predictions": rows,
        "top": classes[best],
        "confidence": likeness[best],
        "image": {"width": width, "height": height},
        "inference_id": str(uuid4()),
        "prediction_type": "classification",
        **_about(image),
    }
    return {
        "similarities": likeness,
        "max_similarity": likeness[best],
        "most_similar_class": classes[best],
        "min_similarity": likeness[worst],
        "least_similar_class": classes[worst],
        "classification_predictions": predictions,
        **_about(image),
    }


def _about(image: WorkflowImage) -> dict[str, Any]:
    return {"parent_id": image.parent_id, "root_parent_id": image.root_id}
