"""Boxes of one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from visionfleet.errors import BadAnswer
from visionfleet.results.base import Result, common


@dataclass(frozen=True)
class Box:
    """One detected object, in pixels of the source image; x and y are its centre."""

    x: float
    y: float
    width: float
    height: float
    confidence: float
    class_name: str
    class_id: int
    detection_id: str = ""

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        half_width, half_height = self.width / 2, self.height / 2
        return self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height


@dataclass(frozen=True, kw_only=True)
class Detections(Result):
    """Boxes of one image, best first; iterates over them."""

    TASK: ClassVar[str] = "object-detection"

    boxes: tuple[Box, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Box]:
        return iter(self.boxes)


def detections(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Detections:
    """Read an object-detection answer. Raises BadAnswer."""
    try:
        boxes = tuple(_box(item) for item in body["predictions"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no detections.") from error
    return Detections(**common(Detections.TASK, model, body, timings), boxes=boxes)


def _box(item: Mapping[str, Any]) -> Box:
    return Box(
        x=float(item["x"]),
        y=float(item["y"]),
        width=float(item["width"]),
        height=float(item["height"]),
        confidence=float(item["confidence"]),
        class_name=str(item["class"]),
        class_id=int(item["class_id"]),
        detection_id=str(item.get("detection_id", "")),
    )
