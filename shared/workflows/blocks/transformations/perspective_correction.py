"""See a plane of the picture from straight above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.detections import KEYPOINTS_XY, POLYGON, column, copied
from shared.workflows.fields import BoolRef, ImageRef, IntRef, ListRef, ObjectsOrInstancesRef, StepFields, StrRef
from shared.workflows.images import WorkflowImage
from shared.workflows.vision.perspective import Plane, quad
from shared.workflows.vision.polygons import fill, outlines

ALL = "ALL"
_CORNERS = ("BOTTOM_LEFT", "TOP_LEFT", "TOP_RIGHT", "BOTTOM_RIGHT")


class PerspectiveCorrection(Block):
    """A quadrilateral becomes an upright rectangle, and detections move with it. It can grow to hold all of them."""

    ids = ("roboflow_core/perspective_correction@v1", "PerspectiveCorrection")
    label = "Perspective Correction"
    summary = "Map detections and image from a quadrilateral to an upright rectangle."
    category = "transformation"
    outputs = {
        "corrected_coordinates": (kinds.OBJECTS, kinds.INSTANCES),
        "warped_image": (kinds.IMAGE,),
        "extended_transformed_rect_width": (kinds.INTEGER,),
        "extended_transformed_rect_height": (kinds.INTEGER,),
    }
    batch = ("predictions", "images")
    batch_or_scalar = ("perspective_polygons", "transformed_rect_width", "transformed_rect_height")

    class Fields(StepFields):
        """One polygon of four points, or several of which the largest counts; the rectangle's size in pixels.

        With an anchor ("CENTER", ..., or "ALL" for the corners of boxes) the polygon grows until it holds them.
        """

        predictions: ObjectsOrInstancesRef | None = None
        images: ImageRef
        perspective_polygons: list[Any] | ListRef
        transformed_rect_width: int | IntRef = 1000
        transformed_rect_height: int | IntRef = 1000
        extend_perspective_polygon_by_detections_anchor: str | StrRef = ""
        warp_image: bool | BoolRef = False

    def run(
        self,
        images: Batch[WorkflowImage],
        predictions: Batch[sv.Detections] | None,
        perspective_polygons: Any,
        extend_perspective_polygon_by_detections_anchor: str,
        warp_image: bool,
        **size: Any,
    ) -> list[dict[str, Any]]:
        """Detections in the rectangle, the image (seen in the rectangle if ``warp_image``), the rectangle's size."""
        count = len(images)
        found: Sequence[sv.Detections | None] = [None] * count if predictions is None else list(predictions)
        quads = [quad(polygon) for polygon in _each(perspective_polygons, count)]
        widths, heights = (_each(size[f"transformed_rect_{side}"], count) for side in ("width", "height"))
        answers = []
        for image, seen, corners, width, height in zip(images, found, quads, widths, heights, strict=True):
            inside = _anchors(seen, extend_perspective_polygon_by_detections_anchor)
            plane = Plane.of(corners, _positive(width), _positive(height), inside)
            answers.append(
                {
                    "corrected_coordinates": None if seen is None else corrected(seen, plane),
                    "warped_image": image.replaced(plane.image(image.pixels)) if warp_image else image,
                    "extended_transformed_rect_width": plane.width,
                    "extended_transformed_rect_height": plane.height,
                }
            )
        return answers


def _each(value: Any, count: int) -> list[Any]:
    """One value per image: of a batch, or the same for all."""
    return value.broadcast(count) if isinstance(value, Batch) else [value] * count


def _positive(side: Any) -> int:
    if int(side) < 1:
        raise InvalidRequest("transformed_rect_width and transformed_rect_height must be at least 1 pixel.")
    return int(side)


def _anchors(found: sv.Detections | None, anchor: str) -> list[Any]:
    """The points that the polygon should hold. Raises InvalidRequest."""
    if found is None or not anchor or not len(found):
        return []
    if anchor != ALL and anchor not in sv.Position.list():
        raise InvalidRequest(f"{anchor!r} is no anchor; CENTER, BOTTOM_CENTER or ALL are.")
    names = _CORNERS if anchor == ALL else (anchor,)
    return [point for name in names for point in found.get_anchors_coordinates(sv.Position(name))]


def corrected(found: sv.Detections, plane: Plane) -> sv.Detections:
    """The detections in the rectangle: boxes, masks, keypoints and polygons. They keep the size of their image."""
    made = copied(found)
    shape = plane.height, plane.width
    if found.mask is not None and len(found):
        shapes = [[plane.points(points) for points in outlines(np.asarray(mask, bool))] for mask in found.mask]
        made.mask = np.stack([_filled(parts, shape) for parts in shapes])
        made.xyxy = np.stack([_around(parts, box) for parts, box in zip(shapes, plane.boxes(found.xyxy), strict=True)])
    else:
        made.xyxy = plane.boxes(found.xyxy)
    for name in (KEYPOINTS_XY, POLYGON):
        if name in made.data:
            made.data[name] = column([np.round(plane.points(np.asarray(each, float))) for each in made.data[name]])
    return made


def _filled(parts: list[Any], shape: tuple[int, int]) -> Any:
    mask = np.zeros(shape, bool)
    for points in parts:
        mask |= fill(points, shape)
    return mask


def _around(parts: list[Any], otherwise: Any) -> Any:
    """The box around mapped outlines; that of the mapped box where the mask is empty."""
    if not parts:
        return otherwise
    points = np.concatenate(parts)
    return np.round(np.concatenate([points.min(axis=0), points.max(axis=0)])).astype(np.float32)
