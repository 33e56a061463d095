"""Several sets of detections as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.workflows.detections import (
    IMAGE_DIMENSIONS,
    INFERENCE_ID,
    PARENT_COORDINATES,
    PARENT_DIMENSIONS,
    PARENT_ID,
    PREDICTION_TYPE,
    ROOT_PARENT_COORDINATES,
    ROOT_PARENT_DIMENSIONS,
    ROOT_PARENT_ID,
    SCALING_TO_PARENT,
    SCALING_TO_ROOT,
    column,
    empty,
)

PLACE = (
    IMAGE_DIMENSIONS,
    PARENT_ID,
    PARENT_COORDINATES,
    PARENT_DIMENSIONS,
    ROOT_PARENT_ID,
    ROOT_PARENT_COORDINATES,
    ROOT_PARENT_DIMENSIONS,
    SCALING_TO_PARENT,
    SCALING_TO_ROOT,
    INFERENCE_ID,
    PREDICTION_TYPE,
)
"""Columns that say where a detection's image lies and where it came from: equal for all detections of an image."""


def merged(sets: Sequence[sv.Detections]) -> sv.Detections:
    """All detections of sets of one image, in order.

    What only some sets have is filled up: class ids and tracker ids with -1, confidences with 1, masks with boxes,
    columns with None (those of PLACE with the first set's that has them).
    """
    parts = [found for found in sets if len(found)]
    if not parts:
        return sets[0] if sets else empty()
    if len(parts) == 1:
        return parts[0]
    fields: dict[str, Any] = {
        name: _field([getattr(part, name) for part in parts], [len(part) for part in parts], filler)
        for name, filler in (("confidence", 1.0), ("class_id", -1), ("tracker_id", -1))
    }
    columns = list(dict.fromkeys(name for part in parts for name in part.data))
    return sv.Detections(
        xyxy=np.concatenate([part.xyxy for part in parts]).astype(np.float64),
        mask=_masks(parts),
        data={name: _column(name, parts) for name in columns},
        **fields,
    )


def _field(values: list[Any], counts: list[int], filler: float) -> npt.NDArray[Any] | None:
    if all(value is None for value in values):
        return None
    return np.concatenate(
        [np.full(count, filler) if value is None else value for value, count in zip(values, counts, strict=True)]
    ).astype(type(filler))


def _masks(parts: list[sv.Detections]) -> npt.NDArray[np.bool_] | None:
    shapes = [np.asarray(part.mask).shape[1:] for part in parts if part.mask is not None]
    if not shapes:
        return None
    return np.concatenate(
        [np.asarray(part.mask, bool) if part.mask is not None else boxed(part, shapes[0]) for part in parts]
    )


def boxed(found: sv.Detections, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The boxes as masks [n, height, width]."""
    height, width = shape
    masks = np.zeros((len(found), height, width), bool)
    for mask, box in zip(masks, np.round(found.xyxy).astype(int), strict=True):
        x0, y0, x1, y1 = box.clip(0)
        mask[y0:y1, x0:x1] = True
    return masks


def _column(name: str, parts: list[sv.Detections]) -> npt.NDArray[Any]:
    known = next(part.data[name] for part in parts if name in part.data)
    filler = known[0] if name in PLACE else None
    values = [part.data[name] if name in part.data else [filler] * len(part) for part in parts]
    try:
        if filler is not None or all(name in part.data for part in parts):
            return np.concatenate([np.asarray(value) for value in values])
    except ValueError:  # of different shapes
        pass
    return column([one for value in values for one in value])
