"""Where something moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field, PositiveInt

from shared.errors import InvalidRequest
from shared.workflows import detections as columns
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.classical_cv.background_subtraction import subtractor
from shared.workflows.fields import BoolRef, ImageRef, IntRef, ListRef, Selector, StepFields
from shared.workflows.images import Pixels, WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.vision.pixels import u8
from shared.workflows.vision.polygons import fill

DETAIL = 0.01  # of a shape's perimeter: corners that stand out less are left out


@dataclass
class _Video:
    model: Any
    frames: int = 0
    moving: bool = False


class MotionDetection(Block):
    """Shapes that differ from the learnt background (MOG2), freed of specks, above an area, inside a zone."""

    ids = ("roboflow_core/motion_detection@v1",)
    label = "Motion Detection"
    summary = "Find what moves in a video."
    category = "classical_computer_vision"
    outputs = {
        "motion": (kinds.BOOLEAN,),
        "alarm": (kinds.BOOLEAN,),
        "detections": (kinds.OBJECTS,),
        "motion_zones": (kinds.LIST,),
    }
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """Area in square pixels, kernel in pixels, ``history`` in frames, the zone a polygon or JSON of one."""

        image: ImageRef
        minimum_contour_area: PositiveInt | IntRef = 200
        morphological_kernel_size: PositiveInt | IntRef = 3
        threshold: PositiveInt | IntRef = 16
        history: PositiveInt | IntRef = 30
        detection_zone: list[Any] | str | Annotated[str, Selector(kinds.ZONE)] | ListRef = Field(default=None)  # type: ignore[assignment] # as in definitions
        suppress_first_detections: BoolRef | bool = True

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._videos: PerVideo[_Video] = PerVideo(lambda: _Video(subtractor()))

    def run(
        self, image: WorkflowImage, detection_zone: Any, threshold: int, history: int, **values: Any
    ) -> dict[str, Any]:
        """Whether anything moves, whether it began to just now, its boxes, and its outlines.

        While fewer than ``history`` frames were seen, nothing moves if ``suppress_first_detections``.
        """
        video = self._videos.of(image.video_metadata, lambda: _Video(subtractor(history, threshold)))
        front = video.model.apply(image.pixels)
        if values["suppress_first_detections"] and video.frames < history:
            video.frames += 1
            return {"motion": False, "alarm": False, "detections": columns.empty(), "motion_zones": []}
        shapes = moving_shapes(
            front, _zone(detection_zone), values["minimum_contour_area"], values["morphological_kernel_size"]
        )
        began, video.moving = bool(shapes) and not video.moving, bool(shapes)
        boxes = [[*shape.min(axis=0), *shape.max(axis=0) + 1] for shape in shapes]
        count = len(boxes)
        found = columns.build(
            boxes, [1.0] * count, [0] * count, ["motion"] * count, image, prediction_type="object-detection"
        )
        zones = [shape.tolist() for shape in shapes]
        return {"motion": video.moving, "alarm": began, "detections": found, "motion_zones": zones}


def moving_shapes(front: Pixels, zone: Any, area: float, side: int) -> list[Any]:
    """Outlines [N, 2] of foreground shapes above ``area`` pixels, cut to the zone, with few corners."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    shapes = _large(u8(cv2.morphologyEx(front, cv2.MORPH_OPEN, kernel)), area)
    if zone is not None:
        canvas = np.zeros(front.shape, np.uint8)
        cv2.drawContours(canvas, shapes, -1, 255, cv2.FILLED)
        shapes = _large(canvas * fill(zone, front.shape), 0)
    corners = [cv2.approxPolyDP(shape, DETAIL * cv2.arcLength(shape, True), True) for shape in shapes]
    return [shape.reshape(-1, 2) for shape in corners if len(shape) >= 3]


def _large(mask: Pixels, area: float) -> list[Any]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [contour for contour in contours if len(contour) > 2 and cv2.contourArea(contour) > area]


def _zone(zone: Any) -> Any:
    """A polygon [N, 2], or None for everywhere. Raises InvalidRequest."""
    try:
        points = json.loads(zone) if isinstance(zone, str) and zone else zone
        if points is None or len(points) == 0:
            return None
        polygon = np.asarray(points, float)
    except (TypeError, ValueError):
        polygon = np.empty(0)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3:
        raise InvalidRequest("detection_zone is a polygon of at least three points: [[x, y], ...].")
    return polygon
