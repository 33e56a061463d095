"""Requests of the typed inference routes, one class per task."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from api_service.schemas.base import InferenceRequest

Fraction = Annotated[float, Field(ge=0, le=1)]
# "best" and "default" both mean the model's own threshold, which is what leaving the field out means too.
Confidence = Fraction | Literal["best", "default"]
Stroke = Annotated[int, Field(ge=1, le=64, description="Line width of the drawing, in pixels.")]


class ScoredRequest(InferenceRequest):
    """A task with a confidence threshold."""

    confidence: Confidence | None = Field(
        default=None, description="Least confidence of an answer; absent, `best` or `default`: the model's own."
    )

    @override
    def params(self) -> dict[str, Any]:
        params = super().params()
        if isinstance(self.confidence, float):
            params["confidence"] = self.confidence
        return params


class ClassificationRequest(ScoredRequest):
    """Body of `POST /infer/classification`."""

    visualize_predictions: bool = Field(default=False, description="Also answer the image with the predictions drawn.")
    visualization_labels: bool = Field(default=False, description="Draw class names and confidences.")
    visualization_stroke_width: Stroke = 1

    @override
    def params(self) -> dict[str, Any]:
        params = super().params()
        if self.visualize_predictions:
            params["visualize"] = True
            params["visualization_labels"] = self.visualization_labels
            params["visualization_stroke_width"] = self.visualization_stroke_width
        return params


class ObjectDetectionRequest(ClassificationRequest):
    """Body of `POST /infer/object_detection`."""

    PARAMS: ClassVar[dict[str, str]] = {
        name: name
        for name in (
            *("class_agnostic_nms", "class_filter", "iou_threshold", "max_detections", "max_candidates", "nms_mode"),
        )
    }

    class_agnostic_nms: bool = Field(default=False, description="Suppress overlapping boxes of different classes too.")
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

    mask_decode_mode: Literal["accurate", "fast", "tradeoff"] = Field(
        default="accurate", description="How masks are scaled to the image."
    )
    tradeoff_factor: Fraction = Field(default=0.0, description="Between fast (0) and accurate (1), for `tradeoff`.")
    response_mask_format: Literal["polygon", "rle"] = Field(
        default="polygon", description="Outline or COCO run lengths."
    )


class KeypointsDetectionRequest(ObjectDetectionRequest):
    """Body of `POST /infer/keypoints_detection`."""

    PARAMS: ClassVar[dict[str, str]] = ObjectDetectionRequest.PARAMS | {"keypoint_confidence": "keypoint_confidence"}

    keypoint_confidence: Fraction = Field(default=0.0, description="Least confidence of a keypoint.")


class SemanticSegmentationRequest(ScoredRequest):
    """Body of `POST /infer/semantic_segmentation`."""

    response_mask_format: Literal["base64_png"] = Field(default="base64_png", description="Masks are PNG files.")
