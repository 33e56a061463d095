"""Which target is nearest to each detection."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import (
    DETECTION_ID,
    KEYPOINTS_CLASS_NAME,
    KEYPOINTS_XY,
    NEAREST_TARGET_DISTANCE,
    at,
    column,
    copied,
)
from shared.workflows.fields import BoxesRef, IntRef, StepFields, StrRef

TIE = 1.0  # pixels: targets that are this little further than the nearest are as near

Anchor = Literal[
    "CENTER", "CENTER_LEFT", "CENTER_RIGHT", "TOP_CENTER", "TOP_LEFT", "TOP_RIGHT",
    "BOTTOM_LEFT", "BOTTOM_CENTER", "BOTTOM_RIGHT", "KEYPOINT",
]  # fmt: skip


class DetectionsNearestNeighbor(Block):
    """Distances run between anchors of the boxes or named keypoints. A detection is never its own neighbour."""

    ids = ("roboflow_core/detections_nearest_neighbor@v1",)
    label = "Nearest Neighbor Detection Match"
    summary = "Find the nearest target of each detection."
    category = "classical_computer_vision"
    outputs = {
        "query_predictions": kinds.BOXES,
        "matched_query_detections": kinds.BOXES,
        "matched_target_detections": kinds.BOXES,
    }

    class Fields(StepFields):
        """``max_distance`` in pixels; the keypoint names go with the anchor KEYPOINT."""

        query_predictions: BoxesRef
        target_predictions: BoxesRef
        query_point: Anchor | StrRef = "CENTER"
        target_point: Anchor | StrRef = "CENTER"
        query_keypoint_name: str | StrRef | None = None
        target_keypoint_name: str | StrRef | None = None
        max_distance: int | IntRef | None = None

    def run(
        self,
        query_predictions: sv.Detections,
        target_predictions: sv.Detections,
        max_distance: float | None,
        **anchors: Any,
    ) -> dict[str, Any]:
        """All queries with their distance (None without a target), and the pairs, row by row; ties are pairs each."""
        here = points(query_predictions, anchors["query_point"], anchors["query_keypoint_name"], "query")
        there = points(target_predictions, anchors["target_point"], anchors["target_keypoint_name"], "target")
        apart = np.linalg.norm(here[:, None] - there[None], axis=2)
        apart[_same(query_predictions, target_predictions) | np.isnan(apart)] = np.inf
        if max_distance is not None:
            apart[apart > max_distance] = np.inf
        nearest = apart.min(axis=1, initial=np.inf)
        rows, matches = np.nonzero((apart <= nearest[:, None] + TIE) & np.isfinite(apart))
        marked = copied(query_predictions)
        marked.data[NEAREST_TARGET_DISTANCE] = column([float(d) if np.isfinite(d) else None for d in nearest])
        return {
            "query_predictions": marked,
            "matched_query_detections": at(marked, rows),
            "matched_target_detections": at(target_predictions, matches),
        }


def points(found: sv.Detections, anchor: str, keypoint: str | None, side: str) -> npt.NDArray[np.float64]:
    """The anchor of each detection [N, 2]; NaN where it lacks the keypoint. Raises InvalidRequest."""
    if anchor != "KEYPOINT":
        if anchor not in sv.Position.list():
            raise InvalidRequest(f"{side}_point {anchor!r} is no anchor; CENTER is one.")
        return np.asarray(found.get_anchors_coordinates(sv.Position(anchor)), float).reshape(-1, 2)
    if not keypoint:
        raise InvalidRequest(f"{side}_point KEYPOINT needs {side}_keypoint_name.")
    if len(found) and (KEYPOINTS_XY not in found.data or KEYPOINTS_CLASS_NAME not in found.data):
        raise InvalidRequest(f"{side}_point KEYPOINT needs detections of a keypoint model.")
    spots = np.full((len(found), 2), np.nan)
    for i in range(len(found)):
        named = [str(name) for name in found.data[KEYPOINTS_CLASS_NAME][i]]
        if keypoint in named:
            spots[i] = found.data[KEYPOINTS_XY][i][named.index(keypoint)]
    return spots


def _same(one: sv.Detections, other: sv.Detections) -> npt.NDArray[np.bool_]:
    """Which pairs are one detection, [N, M]."""
    ids, others = one.data.get(DETECTION_ID), other.data.get(DETECTION_ID)
    if ids is None or others is None:
        return np.zeros((len(one), len(other)), bool)
    return np.asarray(np.asarray(ids)[:, None] == np.asarray(others)[None], bool).reshape(len(one), len(other))
