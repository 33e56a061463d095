"""Operations on images and on classification answers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.uql.base import Operation, Scope


class ClassificationPropertyExtract(Operation):
    """The classes, or how sure the model is of them; with several labels, lists of those that were predicted."""

    type: Literal["ClassificationPropertyExtract"]
    property_name: Literal[
        "top_class", "top_class_confidence", "top_class_confidence_single", "all_classes", "all_confidences"
    ]

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        if not isinstance(value, Mapping) or "predictions" not in value:
            raise self.refuse(value, "a classification")
        extract = _several if isinstance(value["predictions"], Mapping) else _single
        return extract(value)[self.property_name]()


def _single(answer: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    rows = answer["predictions"]
    return {
        "top_class": lambda: answer["top"],
        "top_class_confidence": lambda: answer["confidence"],
        "top_class_confidence_single": lambda: answer["confidence"],
        "all_classes": lambda: [row["class"] for row in rows],
        "all_confidences": lambda: [row["confidence"] for row in rows],
    }


def _several(answer: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    rows, predicted = answer["predictions"], answer["predicted_classes"]
    return {
        "top_class": lambda: list(predicted),
        "top_class_confidence": lambda: [rows[name]["confidence"] for name in predicted],
        "top_class_confidence_single": lambda: max((rows[name]["confidence"] for name in predicted), default=0.0),
        "all_classes": lambda: list(rows),
        "all_confidences": lambda: [row["confidence"] for row in rows.values()],
    }


class _OnImage(Operation):
    def image(self, value: Any) -> WorkflowImage:
        if not isinstance(value, WorkflowImage):
            raise self.refuse(value, "an image")
        return value


class ExtractImageProperty(_OnImage):
    """Height and width in pixels, their product (size) or width divided by height (aspect_ratio)."""

    type: Literal["ExtractImageProperty"]
    property_name: Literal["size", "height", "width", "aspect_ratio"]

    @override
    def apply(self, value: Any, scope: Scope) -> float:
        width, height = self.image(value).size
        return {"size": width * height, "height": height, "width": width, "aspect_ratio": width / height}[
            self.property_name
        ]


class ExtractFrameMetadata(Operation):
    """Where a frame is in its video; the first frame, number 1, is at 0 seconds."""

    type: Literal["ExtractFrameMetadata"]
    property_name: Literal["frame_number", "frame_timestamp", "seconds_since_start"]

    @override
    def apply(self, value: Any, scope: Scope) -> Any:
        video = value.video_metadata if isinstance(value, WorkflowImage) else value
        if not isinstance(video, VideoMetadata):
            raise self.refuse(value, "an image or a frame's metadata")
        if self.property_name != "seconds_since_start":
            return getattr(video, self.property_name)
        if not video.fps:
            raise InvalidRequest("ExtractFrameMetadata cannot tell seconds of a video without a frame rate.")
        return (video.frame_number - 1) / video.fps


class ConvertImageToJPEG(_OnImage):
    """The image as the bytes of a JPEG file."""

    type: Literal["ConvertImageToJPEG"]
    compression_level: int = Field(95, ge=1, le=100)

    @override
    def apply(self, value: Any, scope: Scope) -> bytes:
        return self.image(value).jpeg(self.compression_level)


class ConvertImageToBase64(_OnImage):
    """The image as a JPEG file in base64; bytes as they are."""

    type: Literal["ConvertImageToBase64"]

    @override
    def apply(self, value: Any, scope: Scope) -> str:
        data = value if isinstance(value, bytes) else self.image(value).jpeg()
        return base64.b64encode(data).decode()
