"""Boxes of one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import Result, common, supervision


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

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One per box: class, class_id, confidence, x, y, width, height, left, top, right, bottom."""
        return [row_of(box) for box in self.boxes]

    @override
    def to_supervision(self) -> Any:
        """``sv.Detections``, with masks where there are some."""
        return supervision().Detections.from_inference(dict(self.raw))


def row_of(box: Box) -> dict[str, Any]:
    """A box as a flat dictionary."""
    left, top, right, bottom = box.xyxy
    place = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    edges = {"left": left, "top": top, "right": right, "bottom": bottom}
    return {"class": box.class_name, "class_id": box.class_id, "confidence": box.confidence, **place, **edges}


def detections(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> Detections:
    """Read an object-detection answer. Raises BadAnswer."""
    try:
        boxes = tuple(Box(**box_fields(item)) for item in body["predictions"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer("The answer holds no detections.") from error
    return Detections(**common(Detections.TASK, model, body, timings), boxes=boxes)


def box_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``Box`` in one prediction. Raises KeyError, TypeError, ValueError."""
    return {
        **{name: float(item[name]) for name in ("x", "y", "width", "height", "confidence")},
        "class_name": str(item["class"]),
        "class_id": int(item["class_id"]),
        "detection_id": str(item.get("detection_id", "")),
    }


def text_rows(text: str, boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """One row per box, whose class is a piece of text; one with the whole text where there are none."""
    if not boxes:
        return [{"text": text}]
    return [
        {"text": box.class_name, "confidence": box.confidence, "x": box.x, "y": box.y, "width": box.width,
         "height": box.height}
        for box in boxes
    ]  # fmt: skip
