"""Bring detections made in crops back to the image, as one set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import networkx as nx
import numpy as np
import numpy.typing as npt
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.detections import (
    IMAGE_DIMENSIONS,
    KEYPOINTS_XY,
    PARENT_COORDINATES,
    at,
    copied,
    empty,
    moved,
    names,
)
from shared.workflows.fields import BoxesRef, FloatRef, FractionRef, ListRef, Selector, StepFields
from shared.workflows.merging import PLACE, merged

FROM_CHILD = frozenset({"inference_id", "prediction_type"})
STRATEGIES: dict[str, Any] = {"max": np.max, "mean": np.mean, "min": np.min}


class DetectionsListRollup(Block):
    """An object that several crops show is one: two of a class, of different crops, that overlap enough are joined.

    Boxes and masks are joined; the rest is the surest one's. Objects with keypoints are joined by the mean distance of
    their keypoints instead. Two objects of one crop are never joined for their own overlap.
    """

    ids = ("roboflow_core/detections_list_rollup@v1", "DetectionsListRollUp")
    label = "Detections List Roll-Up"
    summary = "Bring detections made in crops back to the image, as one set."
    category = "fusion"
    outputs = {
        "rolled_up_detections": (kinds.INSTANCES, kinds.OBJECTS, kinds.KEYPOINTS),
        "crop_zones": (kinds.LIST,),
    }

    class Fields(StepFields):
        """``child_detections``: those of each crop, as dimension collapse lists them. An overlap is an IoU; pixels."""

        parent_detection: BoxesRef
        child_detections: ListRef
        confidence_strategy: Annotated[str, Selector(kinds.LIST)] | Literal["max", "mean", "min"] = "max"
        overlap_threshold: FractionRef | float = 0.0
        keypoint_merge_threshold: FloatRef | float = 10.0

    def run(
        self,
        parent_detection: sv.Detections,
        child_detections: list[Any],
        confidence_strategy: str,
        overlap_threshold: float,
        keypoint_merge_threshold: float,
    ) -> dict[str, Any]:
        """Detections in the parents' image, and the corners of each crop there. Raises InvalidRequest."""
        if confidence_strategy not in STRATEGIES:
            raise InvalidRequest(f"confidence_strategy is max, mean or min, not {confidence_strategy!r}.")
        if not all(child is None or isinstance(child, sv.Detections) for child in child_detections):
            raise InvalidRequest("child_detections is a list of detections, one for each crop.")
        parts = [_placed(child, parent_detection) for child in child_detections if child is not None and len(child)]
        zones = _zones(parent_detection)
        if not parts:
            return {"rolled_up_detections": empty(), "crop_zones": zones}
        crops = np.concatenate([np.full(len(part), i) for i, part in enumerate(parts)])
        found = merged(parts)
        groups = _groups(found, crops, overlap_threshold, keypoint_merge_threshold)
        return {"rolled_up_detections": _joined(found, groups, STRATEGIES[confidence_strategy]), "crop_zones": zones}


def _placed(child: sv.Detections, parents: sv.Detections) -> sv.Detections:
    """A crop's detections where they are in the parents' image."""
    if not len(parents) or PARENT_COORDINATES not in child.data or IMAGE_DIMENSIONS not in parents.data:
        raise InvalidRequest("child_detections are made in crops of the parents' image.")
    x, y = (float(value) for value in child.data[PARENT_COORDINATES][0])
    height, width = (int(value) for value in parents.data[IMAGE_DIMENSIONS][0])
    made = moved(child, x, y, (width, height))
    for name in PLACE:
        if name in parents.data and name not in FROM_CHILD:
            made.data[name] = np.array([parents.data[name][0]] * len(made))
    return made


def _zones(parents: sv.Detections) -> list[list[list[int]]]:
    """The corners of each crop, clockwise from the top left one, as crops are cut."""
    boxes = parents.xyxy.round().astype(int)
    if len(parents) and IMAGE_DIMENSIONS in parents.data:
        height, width = (int(value) for value in parents.data[IMAGE_DIMENSIONS][0])
        boxes = boxes.clip([0, 0, 0, 0], [width, height, width, height])
    return [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in boxes.tolist()]


def _groups(found: sv.Detections, crops: npt.NDArray[Any], overlap: float, pixels: float) -> list[list[int]]:
    """Positions of detections that are one object, groups in order of their first."""
    classes = np.array(names(found))
    may = (classes[:, None] == classes) & (crops[:, None] != crops)
    same = nx.Graph()
    same.add_nodes_from(range(len(found)))
    if KEYPOINTS_XY in found.data:
        pairs = np.argwhere(np.triu(may))
        same.add_edges_from((a, b) for a, b in pairs.tolist() if _apart(found, a, b) <= pixels)
    else:
        overlaps = sv.box_iou_batch(found.xyxy, found.xyxy)
        pairs = np.argwhere(np.triu(may & (overlaps > 0)))
        same.add_edges_from((a, b) for a, b in pairs.tolist() if _overlap(found, overlaps, a, b) > overlap)
    return sorted(sorted(group) for group in nx.connected_components(same))


def _overlap(found: sv.Detections, boxes: npt.NDArray[Any], a: int, b: int) -> float:
    """Intersection over union: of masks where there are masks."""
    if found.mask is None:
        return float(boxes[a, b])
    one, other = np.asarray(found.mask[a], bool), np.asarray(found.mask[b], bool)
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def _apart(found: sv.Detections, a: int, b: int) -> float:
    """Mean distance of keypoints in pixels; endless for skeletons of different sizes."""
    one, other = (np.asarray(found.data[KEYPOINTS_XY][i], float).reshape(-1, 2) for i in (a, b))
    if one.shape != other.shape or not len(one):
        return float("inf")
    return float(np.linalg.norm(one - other, axis=1).mean())


def _joined(found: sv.Detections, groups: list[list[int]], confidence: Any) -> sv.Detections:
    sure = np.ones(len(found)) if found.confidence is None else found.confidence
    made = copied(at(found, [max(group, key=lambda i: sure[i]) for group in groups]))
    if found.mask is not None:
        masks = np.asarray(found.mask, bool)
        made.mask = np.array([masks[group].any(axis=0) for group in groups])
    for i, group in enumerate(groups):
        boxes = found.xyxy[group]
        made.xyxy[i] = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
        if made.confidence is not None:
            made.confidence[i] = confidence(sure[group])
    return made
