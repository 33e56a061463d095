"""Sizes of objects beside one of known size."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import Selector, StepFields
from shared.workflows.vision.polygons import outlines, upright_size


class SizeMeasurement(Block):
    """Of masks, the smallest rotated rectangle counts, its more horizontal side as width; otherwise the box."""

    ids = ("roboflow_core/size_measurement@v1",)
    label = "Size Measurement"
    summary = "Measure objects beside a reference object of known size."
    category = "transformation"
    outputs = {"dimensions": (kinds.LIST,)}

    class Fields(StepFields):
        """The reference: detections (the most confident one counts) or a polygon; its size as "w,h" or [w, h]."""

        object_predictions: Annotated[str, Selector(kinds.INSTANCES, kinds.OBJECTS)]
        reference_predictions: list[Any] | Annotated[str, Selector(kinds.INSTANCES, kinds.OBJECTS, kinds.LIST)]
        reference_dimensions: str | list[Any] | list[float] | Annotated[str, Selector(kinds.STRING, kinds.LIST)]

    def run(
        self, object_predictions: sv.Detections, reference_predictions: Any, reference_dimensions: Any
    ) -> dict[str, Any]:
        """Per object its width, height, longer and shorter side in the reference's units; None without an area.

        The whole answer is None when the reference is missing.
        """
        real = dimensions(reference_dimensions)
        seen = _reference(reference_predictions)
        if seen is None:
            return {"dimensions": None}
        scale = real[0] / seen[0], real[1] / seen[1]
        sizes = (_size(object_predictions, i) for i in range(len(object_predictions)))
        return {"dimensions": [None if size is None else _measured(size, scale) for size in sizes]}


def dimensions(value: Any) -> tuple[float, float]:
    """Width and height from "w,h" or [w, h]. Raises InvalidRequest."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        width, height = (float(part) for part in parts)
    except (TypeError, ValueError):
        raise InvalidRequest('reference_dimensions are two numbers: "width,height" or [width, height].') from None
    return width, height


def _measured(size: tuple[float, float], scale: tuple[float, float]) -> dict[str, float]:
    width, height = size[0] * scale[0], size[1] * scale[1]
    return {"width": width, "height": height, "longer": max(width, height), "shorter": min(width, height)}


def _reference(reference: Any) -> tuple[float, float] | None:
    if isinstance(reference, sv.Detections):
        if len(reference) == 0:
            return None
        return _size(reference, 0 if reference.confidence is None else int(np.argmax(reference.confidence)))
    polygon = np.asarray(reference, float)
    if polygon.ndim != 2 or len(polygon) < 3 or polygon.shape[1] != 2:
        return None
    return _positive(upright_size(polygon))


def _size(found: sv.Detections, i: int) -> tuple[float, float] | None:
    """Width and height in pixels; None without an area."""
    if found.mask is None:
        width, height = (float(side) for side in found.xyxy[i, 2:] - found.xyxy[i, :2])
        return _positive((width, height))
    shapes = [shape for shape in outlines(np.asarray(found.mask[i])) if len(shape) >= 3]
    return _positive(upright_size(max(shapes, key=_area))) if shapes else None


def _area(polygon: Any) -> float:
    """Area of a polygon [N, 2]."""
    x, y = np.asarray(polygon, float).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _positive(size: tuple[float, float]) -> tuple[float, float] | None:
    return size if min(size) > 0 else None
