"""Detections in a workflow: ``supervision.Detections`` whose ``data`` holds the columns named here.

Column names are those that definitions and Python blocks written for Roboflow's engine use. Every detection carries
where its image lies in its parent and in the root image, so that it can be moved to the root's coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.workflows.images import ImageParentMetadata, WorkflowImage

CLASS_NAME = "class_name"
DETECTION_ID = "detection_id"
PARENT_ID = "parent_id"
IMAGE_DIMENSIONS = "image_dimensions"  # [height, width] of the image that the boxes are in
INFERENCE_ID = "inference_id"
PREDICTION_TYPE = "prediction_type"
PARENT_COORDINATES = "parent_coordinates"  # [x, y] of that image in its parent
PARENT_DIMENSIONS = "parent_dimensions"  # [height, width] of the parent
ROOT_PARENT_ID = "root_parent_id"
ROOT_PARENT_COORDINATES = "root_parent_coordinates"
ROOT_PARENT_DIMENSIONS = "root_parent_dimensions"
SCALING_TO_PARENT = "scaling_relative_to_parent"
SCALING_TO_ROOT = "scaling_relative_to_root_parent"

KEYPOINTS_XY = "keypoints_xy"
KEYPOINTS_CLASS_ID = "keypoints_class_id"
KEYPOINTS_CLASS_NAME = "keypoints_class_name"
KEYPOINTS_CONFIDENCE = "keypoints_confidence"

# Written by blocks, and serialised where they are present.
POLYGON = "polygon"
BOUNDING_RECT = "rect"
BOUNDING_RECT_WIDTH = "width"
BOUNDING_RECT_HEIGHT = "height"
BOUNDING_RECT_ANGLE = "angle"
TIME_IN_ZONE = "time_in_zone"
PATH_DEVIATION = "path_deviation"
VELOCITY = "velocity"
SPEED = "speed"
SMOOTHED_VELOCITY = "smoothed_velocity"
SMOOTHED_SPEED = "smoothed_speed"
AREA_PX = "area_px"
AREA_CONVERTED = "area_converted"
NEAREST_TARGET_DISTANCE = "nearest_target_distance"
CODE_TEXT = "data"  # of bar and QR codes
RLE_MASK = "rle_mask"

POINT_COLUMNS = (KEYPOINTS_XY, POLYGON, BOUNDING_RECT)
"""Columns of points in the image's coordinates; they move with the boxes."""


def column(values: Sequence[Any]) -> npt.NDArray[Any]:
    """One value per detection, of any type: an object array, so that lists inside stay lists."""
    made = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        made[i] = value
    return made


def empty() -> sv.Detections:
    """No detections, with the columns that blocks look at."""
    found = sv.Detections.empty()
    found.class_id, found.confidence = np.empty(0, int), np.empty(0, float)
    found.data = {CLASS_NAME: np.empty(0, dtype=str), DETECTION_ID: np.empty(0, dtype=str)}
    return found


def build(
    xyxy: Any,
    confidence: Any,
    class_id: Any,
    class_name: Sequence[str],
    image: WorkflowImage | None = None,
    **columns: Any,
) -> sv.Detections:
    """Detections of one image with all standard columns. ``mask`` [n, H, W] and ``tracker_id`` are fields, not columns.

    ``prediction_type``, ``inference_id`` and the like may be given as one value for all.
    """
    boxes = np.asarray(xyxy, dtype=np.float64).reshape(-1, 4)
    count = len(boxes)
    if not count:
        return empty() if image is None else attach(empty(), image)
    fields: dict[str, Any] = {
        name: np.asarray(columns.pop(name)) for name in ("mask", "tracker_id") if columns.get(name) is not None
    }
    data: dict[str, Any] = {CLASS_NAME: np.asarray(list(class_name), dtype=str)}
    data[DETECTION_ID] = np.asarray(columns.pop(DETECTION_ID, None) or [str(uuid4()) for _ in range(count)])
    for name, value in columns.items():
        per_detection = isinstance(value, (list, tuple, np.ndarray)) and len(value) == count
        data[name] = _array(value if per_detection else [value] * count)
    found = sv.Detections(
        xyxy=boxes,
        confidence=np.asarray(confidence, dtype=np.float64),
        class_id=np.asarray(class_id, dtype=int),
        data=data,
        **fields,
    )
    return found if image is None else attach(found, image)


def attach(detections: sv.Detections, image: WorkflowImage) -> sv.Detections:
    """Write into the detections which image they are in and where it lies; changes and returns them."""
    count = len(detections)
    width, height = image.size
    if not count:
        detections.metadata[IMAGE_DIMENSIONS] = [height, width]
        return detections
    detections.data[IMAGE_DIMENSIONS] = np.array([[height, width]] * count)
    parts: tuple[tuple[str, str, str, ImageParentMetadata], ...] = (
        (PARENT_ID, PARENT_COORDINATES, PARENT_DIMENSIONS, image.parent_metadata),
        (ROOT_PARENT_ID, ROOT_PARENT_COORDINATES, ROOT_PARENT_DIMENSIONS, image.workflow_root_ancestor_metadata),
    )
    for name, at, dimensions, metadata in parts:
        origin = metadata.origin_coordinates
        if origin is None:  # parent_metadata always places; for type checkers
            continue
        detections.data[name] = np.array([metadata.parent_id] * count)
        detections.data[at] = np.array([[origin.left_top_x, origin.left_top_y]] * count)
        detections.data[dimensions] = np.array([[origin.origin_height, origin.origin_width]] * count)
    return detections


def copied(detections: sv.Detections) -> sv.Detections:
    """A copy whose arrays may be changed: what steps hand on is shared between their readers."""
    return sv.Detections(
        xyxy=detections.xyxy.copy(),
        mask=None if detections.mask is None else np.array(detections.mask, dtype=bool),
        confidence=None if detections.confidence is None else detections.confidence.copy(),
        class_id=None if detections.class_id is None else detections.class_id.copy(),
        tracker_id=None if detections.tracker_id is None else detections.tracker_id.copy(),
        data={name: np.array(values, copy=True) for name, values in detections.data.items()},
        metadata=dict(detections.metadata),
    )


def in_crops(detections: sv.Detections, which: Sequence[int], crops: Sequence[WorkflowImage]) -> list[sv.Detections]:
    """For each of the detections named by ``which``, that one alone in its crop's coordinates.

    The same as ``attach(moved(at(detections, [i]), -x, -y, crop.size), crop)`` for each, in one go for all.
    """
    if not len(which):
        return []
    kept = at(detections, list(which))
    parents, roots = [crop.parent_metadata for crop in crops], [crop.workflow_root_ancestor_metadata for crop in crops]
    offsets = np.array([_corner(parent) for parent in parents])
    data: dict[str, Any] = dict(kept.data)
    data[IMAGE_DIMENSIONS] = np.array([crop.size[::-1] for crop in crops])
    for name, corner, dimensions, metadata in (
        (PARENT_ID, PARENT_COORDINATES, PARENT_DIMENSIONS, parents),
        (ROOT_PARENT_ID, ROOT_PARENT_COORDINATES, ROOT_PARENT_DIMENSIONS, roots),
    ):
        data[name] = np.array([one.parent_id for one in metadata])
        data[corner] = np.array([_corner(one) for one in metadata])
        data[dimensions] = np.array([_dimensions(one) for one in metadata])
    for name in POINT_COLUMNS:
        if name in data:
            data[name] = column([_shifted(points, -x, -y) for points, (x, y) in zip(data[name], offsets, strict=True)])
    xyxy = kept.xyxy - np.tile(offsets, 2).astype(kept.xyxy.dtype)
    masks: Any = [None] * len(crops)
    if kept.mask is not None:
        whole = np.asarray(kept.mask, dtype=bool)
        places = zip(offsets.tolist(), [crop.size for crop in crops], strict=True)
        masks = [whole[i : i + 1, y : y + h, x : x + w] for i, ((x, y), (w, h)) in enumerate(places)]
    return [_alone(kept, i, xyxy, masks[i], data) for i in range(len(crops))]


def _alone(kept: sv.Detections, i: int, xyxy: Any, mask: Any, data: Mapping[str, Any]) -> sv.Detections:
    """One row. The constructor checks every array, which costs more than a crop; these were checked together."""
    one = object.__new__(sv.Detections)
    row = slice(i, i + 1)
    one.xyxy, one.mask = xyxy[row], mask
    one.confidence = None if kept.confidence is None else kept.confidence[row]
    one.class_id = None if kept.class_id is None else kept.class_id[row]
    one.tracker_id = None if kept.tracker_id is None else kept.tracker_id[row]
    one.data = {name: values[row] for name, values in data.items()}
    one.metadata = dict(kept.metadata)
    return one


def _corner(metadata: ImageParentMetadata) -> tuple[int, int]:
    at_ = metadata.origin_coordinates
    return (0, 0) if at_ is None else (at_.left_top_x, at_.left_top_y)


def _dimensions(metadata: ImageParentMetadata) -> tuple[int, int]:
    at_ = metadata.origin_coordinates
    return (0, 0) if at_ is None else (at_.origin_height, at_.origin_width)


def moved(detections: sv.Detections, x: float, y: float, size: tuple[int, int]) -> sv.Detections:
    """A copy shifted by x and y into an image of that width and height; masks are cut or padded to it."""
    made = copied(detections)
    made.xyxy = made.xyxy + np.array([x, y, x, y], made.xyxy.dtype)
    if made.mask is not None:
        made.mask = _placed_masks(np.asarray(made.mask, dtype=bool), round(x), round(y), size)
    for name in POINT_COLUMNS:
        if name in made.data:
            points = np.asarray(made.data[name])
            shifted = [_shifted(each, x, y) for each in points]
            made.data[name] = column(shifted) if points.dtype == object else np.asarray(shifted)
    return made


def to_root(detections: sv.Detections) -> sv.Detections:
    """A copy in the coordinates of the root image; what carries no place is returned as it is."""
    data = detections.data
    if not len(detections) or any(name not in data for name in (ROOT_PARENT_COORDINATES, ROOT_PARENT_DIMENSIONS)):
        return detections
    scale = float(np.asarray(data.get(SCALING_TO_ROOT, [1.0]))[0])
    x, y = (float(value) for value in data[ROOT_PARENT_COORDINATES][0])
    height, width = (int(value) for value in data[ROOT_PARENT_DIMENSIONS][0])
    if (x, y) == (0, 0) and scale == 1 and _is_root(data, height, width):
        return detections
    made = moved(detections if scale == 1 else scaled(detections, 1 / scale), x, y, (width, height))
    count = len(made)
    made.data |= {
        IMAGE_DIMENSIONS: np.array([[height, width]] * count),
        PARENT_COORDINATES: np.zeros((count, 2), int),
        ROOT_PARENT_COORDINATES: np.zeros((count, 2), int),
        PARENT_DIMENSIONS: np.array([[height, width]] * count),
    }
    made.data.update({name: np.ones(count) for name in (SCALING_TO_PARENT, SCALING_TO_ROOT) if name in data})
    if ROOT_PARENT_ID in data:
        made.data[PARENT_ID] = np.array(data[ROOT_PARENT_ID], copy=True)
    return made


def scaled(detections: sv.Detections, factor: float) -> sv.Detections:
    """A copy with all coordinates multiplied, and masks resized."""
    made = copied(detections)
    made.xyxy = made.xyxy * factor
    if made.mask is not None:
        masks = [np.asarray(mask, np.uint8) for mask in made.mask]
        size = (max(1, round(masks[0].shape[1] * factor)), max(1, round(masks[0].shape[0] * factor)))
        resized = [cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) for mask in masks]
        made.mask = np.array(resized, dtype=bool)
    for name in POINT_COLUMNS:
        if name in made.data:
            made.data[name] = column([np.asarray(points, float) * factor for points in made.data[name]])
    if IMAGE_DIMENSIONS in made.data:
        made.data[IMAGE_DIMENSIONS] = (np.asarray(made.data[IMAGE_DIMENSIONS]) * factor).round().astype(int)
    return made


def at(detections: sv.Detections, which: Any) -> sv.Detections:
    """The detections at those positions: a list of integers, or a mask of booleans."""
    chosen = detections[np.asarray(which, dtype=bool if len(which) and isinstance(which[0], (bool, np.bool_)) else int)]
    if not isinstance(chosen, sv.Detections):  # supervision also indexes by column name
        raise TypeError("positions are integers or booleans")
    return chosen


def names(detections: sv.Detections) -> list[str]:
    """Class names, one per detection."""
    found: Mapping[str, Any] = detections.data
    return [str(name) for name in found.get(CLASS_NAME, [])]


def _is_root(data: Mapping[str, Any], height: int, width: int) -> bool:
    """Whether the boxes are in an image of the root's size already."""
    return tuple(int(value) for value in data.get(IMAGE_DIMENSIONS, [(height, width)])[0]) == (height, width)


def _placed_masks(masks: npt.NDArray[np.bool_], x: int, y: int, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Masks [n, h, w] shifted into [n, height, width]; what falls outside is lost."""
    count, rows, columns = masks.shape
    width, height = size
    placed = np.zeros((count, height, width), dtype=bool)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + columns, width), min(y + rows, height)
    if left < right and top < bottom:
        placed[:, top:bottom, left:right] = masks[:, top - y : bottom - y, left - x : right - x]
    return placed


def _shifted(points: Any, x: float, y: float) -> npt.NDArray[Any]:
    made: npt.NDArray[np.float64] = np.array(points, dtype=float).reshape(-1, 2) + np.array([x, y])
    return made


def _array(values: Sequence[Any]) -> npt.NDArray[Any]:
    try:
        made = np.asarray(values)
    except ValueError:  # lists of different lengths
        return column(values)
    return made
