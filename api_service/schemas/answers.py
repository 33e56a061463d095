"""Answers of the inference routes. Documentation only: answers are serialised straight from the workers' dicts."""

from __future__ import annotations

from pydantic import Field

from api_service.schemas.base import Answer


class ImageSize(Answer):
    """Size of the source image after orientation, in pixels."""

    width: int
    height: int


class InferenceAnswer(Answer):
    """Fields of every inference answer; absent ones are left out, never null."""

    inference_id: str
    time: float = Field(description="Seconds from the request's arrival to its answer.")
    image: ImageSize
    visualization: str | None = Field(default=None, description="Base64 of a JPEG with the predictions drawn.")


class Detection(Answer):
    """One box in pixels of the source image; x and y are its centre."""

    x: float
    y: float
    width: float
    height: float
    confidence: float
    class_: str = Field(alias="class")
    class_id: int
    detection_id: str


class ObjectDetectionAnswer(InferenceAnswer):
    """Answer of `/infer/object_detection`."""

    predictions: list[Detection]


class Point(Answer):
    """A point in pixels of the source image."""

    x: float
    y: float


class RunLengths(Answer):
    """A mask as COCO compressed run lengths."""

    size: tuple[int, int] = Field(description="Height and width.")
    counts: str


class InstanceMask(Detection):
    """A box with its outline (`polygon`) or its run lengths (`rle`)."""

    mask_format: str
    points: list[Point] | None = None
    rle: RunLengths | None = None


class InstanceSegmentationAnswer(InferenceAnswer):
    """Answer of `/infer/instance_segmentation`."""

    predictions: list[InstanceMask]


class Keypoint(Point):
    """A named point of an object."""

    confidence: float
    class_: str = Field(alias="class")
    class_id: int


class Pose(Detection):
    """A box with its keypoints."""

    keypoints: list[Keypoint]


class KeypointsDetectionAnswer(InferenceAnswer):
    """Answer of `/infer/keypoints_detection`."""

    predictions: list[Pose]


class ClassConfidence(Answer):
    """One class of a single-label answer."""

    class_: str = Field(alias="class")
    class_id: int
    confidence: float


class LabelConfidence(Answer):
    """One label of a multi-label answer."""

    class_id: int
    confidence: float


class ClassificationAnswer(InferenceAnswer):
    """Answer of `/infer/classification`: `top` and `confidence` for one label, `predicted_classes` for several."""

    predictions: list[ClassConfidence] | dict[str, LabelConfidence]
    top: str | None = None
    confidence: float | None = None
    predicted_classes: list[str] | None = None


class SemanticMasks(Answer):
    """Base64 PNGs at the resolution of the source image: class id and confidence (0-255) per pixel."""

    segmentation_mask: str
    confidence_mask: str
    class_map: dict[str, str]
    present_class_ids: list[int]


class SemanticSegmentationAnswer(InferenceAnswer):
    """Answer of `/infer/semantic_segmentation`."""

    predictions: SemanticMasks
