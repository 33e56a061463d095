"""Properties of one detection by name, as filters and extractions ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import detections as columns

Detection: TypeAlias = tuple[Any, Any, Any, Any, Any, dict[str, Any]]
"""xyxy [4], mask [H, W], confidence, class id, tracker id, and its row of every data column."""

IN_OUT = "in_out"  # which way a detection crossed the line, written by line_counter@v2


def each(detections: sv.Detections) -> Iterator[Detection]:
    """Detections one by one."""
    return iter(detections)


def extract(detection: Detection, name: str) -> Any:
    """A property. Raises InvalidRequest for one that the detection does not have."""
    if name in BOX:
        return BOX[name](*(float(value) for value in detection[0]))
    if name in OWN:
        return plain(detection[OWN[name]])
    data = detection[5]
    if name in data:
        return plain(data[name])
    raise InvalidRequest(f"These detections have no {name}; a step before has to write it.")


def plain(value: Any) -> Any:
    """Python's own types for numpy's."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


OWN = {"confidence": 2, "class_id": 3, "tracker_id": 4}
BOX: dict[str, Callable[[float, float, float, float], Any]] = {
    "x_min": lambda x0, y0, x1, y1: x0,
    "y_min": lambda x0, y0, x1, y1: y0,
    "x_max": lambda x0, y0, x1, y1: x1,
    "y_max": lambda x0, y0, x1, y1: y1,
    "size": lambda x0, y0, x1, y1: (x1 - x0) * (y1 - y0),
    "center": lambda x0, y0, x1, y1: [round((x0 + x1) / 2), round((y0 + y1) / 2)],
    "top_left": lambda x0, y0, x1, y1: [round(x0), round(y0)],
    "top_right": lambda x0, y0, x1, y1: [round(x1), round(y0)],
    "bottom_left": lambda x0, y0, x1, y1: [round(x0), round(y1)],
    "bottom_right": lambda x0, y0, x1, y1: [round(x1), round(y1)],
}
DATA = (
    columns.CLASS_NAME,
    IN_OUT,
    columns.PATH_DEVIATION,
    columns.POLYGON,
    columns.TIME_IN_ZONE,
    columns.VELOCITY,
    columns.SPEED,
    columns.SMOOTHED_VELOCITY,
    columns.SMOOTHED_SPEED,
    columns.IMAGE_DIMENSIONS,
    columns.PREDICTION_TYPE,
    columns.KEYPOINTS_XY,
    columns.BOUNDING_RECT,
    columns.BOUNDING_RECT_WIDTH,
    columns.BOUNDING_RECT_HEIGHT,
    columns.BOUNDING_RECT_ANGLE,
    columns.AREA_PX,
    columns.AREA_CONVERTED,
)
NAMES = (*BOX, *OWN, *DATA)
