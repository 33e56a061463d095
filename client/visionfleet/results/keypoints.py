"""Objects with keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import common, supervision
from visionfleet.results.detection import Box, Detections, box_fields, row_of


@dataclass(frozen=True)
class Keypoint:
    """One named point in pixels of the source."""

    x: float
    y: float
    confidence: float
    name: str
    id: int


@dataclass(frozen=True)
class Pose(Box):
    """One object with the points that the model is sure enough of."""

    keypoints: tuple[Keypoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Poses(Detections):
    """Objects of one image with their keypoints, best first; iterates over them."""

    TASK: ClassVar[str] = "keypoint-detection"

    boxes: tuple[Pose, ...]

    @override
    def __iter__(self) -> Iterator[Pose]:
        return iter(self.boxes)

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One per box, with x, y and confidence of each keypoint as ``nose_x``, ``nose_y``, ``nose_confidence``."""
        return [{**row_of(pose), **_columns(pose)} for pose in self.boxes]

    @override
    def to_supervision(self) -> Any:
        """``sv.KeyPoints``."""
        return supervision().KeyPoints.from_inference(dict(self.raw))


def poses(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Poses:
    """Read a keypoint-detection answer. Raises BadAnswer."""
    try:
        found = tuple(_pose(item) for item in body["predictions"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no keypoints.") from error
    return Poses(**common(Poses.TASK, model, body, timings), boxes=found)


def _pose(item: Mapping[str, Any]) -> Pose:
    points = (
        Keypoint(float(p["x"]), float(p["y"]), float(p["confidence"]), str(p["class"]), int(p["class_id"]))
        for p in item["keypoints"]
    )
    return Pose(**box_fields(item), keypoints=tuple(points))


def _columns(pose: Pose) -> dict[str, float]:
    return {
        f"{point.name}_{column}": getattr(point, column)
        for point in pose.keypoints
        for column in ("x", "y", "confidence")
    }
