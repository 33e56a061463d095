"""Requests of the typed inference routes, one class per task.

Null means the same as leaving the field out: clients of other servers send it. What only their cloud understands
(``usage_billable``, ``source``, ``disable_active_learning``, ``fix_batch_size``, ...) is ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field
from typing_extensions import override

from api_service.schemas.base import InferenceRequest
from shared.errors import InvalidRequest

Fraction = Annotated[float, Field(ge=0, le=1)]
# "best" and "default" both mean the model's own threshold, which is what leaving the field out means too.
Confidence = Fraction | Literal["best", "default"]
Stroke = Annotated[int, Field(ge=1, le=64, description="Line width of the drawing, in pixels.")]
PictureFormat = Annotated[Literal["jpeg", "png"], Field(description="File format of the drawing.")]
MASK_MODES = ("accurate", "fast", "tradeoff")


def known_mode(value: str | None) -> str | None:
    """The mode itself. Raises InvalidRequest: Roboflow's server answers 400 here and not 422."""
    if value is not None and value not in MASK_MODES:
        raise InvalidRequest(f"mask_decode_mode is one of {', '.join(MASK_MODES)}.")
    return value


def known_factor(value: float | None) -> float | None:
    """The factor itself. Raises InvalidRequest, as above."""
    if value is not None and not 0 <= value <= 1:
        raise InvalidRequest("tradeoff_factor is a number from 0 (as fast as can be) to 1 (as accurate as can be).")
    return value


MaskMode = Annotated[
    str,
    AfterValidator(known_mode),
    Field(description="How masks are scaled.", json_schema_extra={"enum": [*MASK_MODES]}),
]
TradeoffFactor = Annotated[
    float, AfterValidator(known_factor), Field(description="Between fast (0) and accurate (1), for `tradeoff`.")
]


def drawing(stroke: int | None, picture: str | None, *, labels: bool | None) -> dict[str, Any]:
    """The engine's parameters of a picture."""
    return {
        "visualize": True,
        "visualization_labels": bool(labels),
        "visualization_stroke_width": stroke or 1,
        **({} if picture is None else {"visualization_format": picture}),
    }


class ScoredRequest(InferenceRequest):
    """A task with a confidence threshold and a picture."""

    confidence: Confidence | None = Field(
        default=None, description="Least confidence of an answer; absent, `best` or `default`: the model's own."
    )
    visualize_predictions: bool | None = Field(
        default=False, description="Also answer the image with the predictions drawn."
    )
    visualization_labels: bool | None = Field(default=False, description="Draw class names and confidences.")
    visualization_stroke_width: Stroke | None = 1
    visualization_format: PictureFormat | None = None

    @override
    def params(self) -> dict[str, Any]:
        params = super().params()
        if isinstance(self.confidence, float):
            params["confidence"] = self.confidence
        if self.visualize_predictions:
            params |= drawing(
                self.visualization_stroke_width, self.visualization_format, labels=self.visualization_labels
            )
        return params


class ClassificationRequest(ScoredRequest):
    """Body of `POST /infer/classification`."""


class ObjectDetectionRequest(ScoredRequest):
    """Body of `POST /infer/object_detection`."""

    PARAMS: ClassVar[dict[str, str]] = {
        name: name
        for name in (
            *("class_agnostic_nms", "class_filter", "iou_threshold", "max_detections", "max_candidates", "nms_mode"),
        )
    }

    class_agnostic_nms: bool | None = Field(
        default=False, description="Suppress overlapping boxes of different classes too."
    )
    class_filter: list[str] | None = Field(default=None, max_length=10_000, description="Answer only these classes.")
    iou_threshold: Fraction | None = Field(default=None, description="Overlap above which the weaker box is dropped.")
    max_detections: int | None = Field(default=None, ge=1, le=10_000, description="Most boxes in an answer.")
    max_candidates: int | None = Field(default=None, ge=1, le=100_000, description="Most boxes considered by NMS.")
    nms_mode: Literal["iou", "legacy"] | None = Field(
        default=None,
        description="What `iou_threshold` compares: intersection over union (`iou`), or the share of the weaker box "
        "that the stronger one covers (`legacy`). Absent: the model's own.",
    )


class InstanceSegmentationRequest(ObjectDetectionRequest):
    """Body of `POST /infer/instance_segmentation`."""

    PARAMS: ClassVar[dict[str, str]] = ObjectDetectionRequest.PARAMS | {
        name: name for name in ("mask_decode_mode", "tradeoff_factor", "response_mask_format")
    }

    mask_decode_mode: MaskMode | None = None
    tradeoff_factor: TradeoffFactor | None = None
    response_mask_format: Literal["polygon", "rle"] | None = Field(
        default="polygon", description="Outline or COCO run lengths."
    )


class KeypointsDetectionRequest(ObjectDetectionRequest):
    """Body of `POST /infer/keypoints_detection`."""

    PARAMS: ClassVar[dict[str, str]] = ObjectDetectionRequest.PARAMS | {"keypoint_confidence": "keypoint_confidence"}

    keypoint_confidence: Fraction | None = Field(default=0.0, description="Least confidence of a keypoint.")


class SemanticSegmentationRequest(ScoredRequest):
    """Body of `POST /infer/semantic_segmentation`."""

    response_mask_format: Literal["base64_png"] | None = Field(default="base64_png", description="Masks are PNG files.")
