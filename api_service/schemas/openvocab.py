"""Bodies of detectors that are told in words, or by examples, what to find."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import override

from api_service.schemas.base import Body, ByVersion, ImageReference, InferenceRequest

MOST_TEXTS = 1000
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
Share = Annotated[float, Field(ge=0, le=1)]


class OpenVocabularyRequest(ByVersion, InferenceRequest):
    """What these requests share."""

    PARAMS: ClassVar[dict[str, str]] = {"iou_threshold": "iou_threshold", "max_detections": "max_detections"}

    model_id: str = Field(default="", description="The model; absent: the usual id of the version.")
    visualize_predictions: bool | None = Field(default=False, description="Return the annotated picture too.")
    iou_threshold: Share | None = Field(
        default=None, description="Boxes that overlap a better one by more are dropped."
    )
    max_detections: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="The best ones only."
    )
    class_agnostic_nms: bool | None = Field(default=None, description="Let boxes suppress boxes of other texts.")

    @override
    def params(self) -> dict[str, Any]:
        given = {"visualize": bool(self.visualize_predictions), "class_agnostic_nms": self.class_agnostic_nms}
        return {**super().params(), **{name: value for name, value in given.items() if value is not None}}


class YoloWorldRequest(OpenVocabularyRequest):
    """Body of `POST /yolo_world/infer`."""

    PREFIX: ClassVar[str] = "yolo_world"
    VERSION: ClassVar[str] = "l"

    text: Texts = Field(description="What to find.", examples=[["a dog", "a red car"]])
    yolo_world_version_id: str | None = Field(
        default=VERSION, description="`s`, `m`, `l`, `x`, ...; the id is `yolo_world/` and it."
    )
    confidence: Share | None = Field(default=0.4, description="Boxes are reported whose score is above it.")

    @property
    @override
    def version(self) -> str | None:
        return self.yolo_world_version_id

    @override
    def params(self) -> dict[str, Any]:
        confidence = 0.4 if self.confidence is None else self.confidence
        return {**super().params(), "texts": self.text, "confidence": confidence}


class GroundingDinoRequest(OpenVocabularyRequest):
    """Body of `POST /grounding_dino/infer`."""

    PREFIX: ClassVar[str] = "grounding_dino"
    VERSION: ClassVar[str] = "default"

    text: Texts = Field(description="What to find.", examples=[["a dog", "a red car"]])
    box_threshold: Share | None = Field(default=0.5, description="Boxes are reported whose best token is above it.")
    text_threshold: Share | None = Field(default=0.5, description="Tokens count for a text whose score is above it.")
    grounding_dino_version_id: str | None = Field(default=VERSION, description="The id is `grounding_dino/` and it.")

    @property
    @override
    def version(self) -> str | None:
        return self.grounding_dino_version_id

    @override
    def params(self) -> dict[str, Any]:
        thresholds = {
            "confidence": 0.5 if self.box_threshold is None else self.box_threshold,
            "text_threshold": 0.5 if self.text_threshold is None else self.text_threshold,
        }
        return {"iou_threshold": 0.5, **super().params(), "texts": self.text, **thresholds}


class TrainingBox(Body):
    """A box on an example by its centre, in pixels."""

    x: Annotated[float, Field(ge=-1e6, le=1e6)]
    y: Annotated[float, Field(ge=-1e6, le=1e6)]
    w: Annotated[float, Field(gt=0, le=1e6)]
    h: Annotated[float, Field(gt=0, le=1e6)]
    cls: Text = Field(description="What it shows.")
    negative: bool = Field(default=False, description="Not to be found.")


class TrainingImage(Body):
    """An example."""

    image: ImageReference
    boxes: Annotated[list[TrainingBox], Field(max_length=MOST_TEXTS)]


class Owlv2Request(OpenVocabularyRequest):
    """Body of `POST /owlv2/infer`: examples, or texts."""

    PREFIX: ClassVar[str] = "owlv2"
    VERSION: ClassVar[str] = "owlv2-large-patch14-ensemble"

    training_data: Annotated[list[TrainingImage], Field(max_length=100)] = Field(
        default=[], description="Images with boxes around what is to be found, and around what is not."
    )
    text: Texts | None = Field(default=None, description="What to find, where there are no examples.")
    confidence: Share | None = Field(default=None, description="Absent: 0.99 for examples, 0.1 for texts.")
    owlv2_version_id: str | None = Field(default=VERSION, description="The id is `owlv2/` and it.")

    @property
    @override
    def version(self) -> str | None:
        return self.owlv2_version_id

    @override
    def params(self) -> dict[str, Any]:
        confidence = self.confidence
        if confidence is None:
            confidence = 0.99 if self.training_data else 0.1
        told = {} if self.text is None else {"texts": self.text}
        return {"iou_threshold": 0.3, **super().params(), **told, "confidence": confidence}

    def examples(self, images: list[bytes]) -> list[dict[str, Any]]:
        """In the engine's words; ``images`` are their bytes, in order."""
        return [
            {
                "image": data,
                "boxes": [
                    {"x": b.x, "y": b.y, "w": b.w, "h": b.h, "name": b.cls, "negative": b.negative} for b in each.boxes
                ],
            }
            for each, data in zip(self.training_data, images, strict=True)
        ]
