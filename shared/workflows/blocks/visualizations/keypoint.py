"""Draw the skeletons of detections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import supervision as sv
from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.blocks.visualizations._drawing import Drawing, Visualization, canvas, single
from shared.workflows.detections import KEYPOINTS_XY
from shared.workflows.fields import FloatRef, IntRef, ListRef, Selector, StrRef
from shared.workflows.images import WorkflowImage


class Keypoint(Visualization):
    """As edges, points, or numbered points. Edges are pairs of point numbers from 1; known skeletons need none."""

    ids = ("roboflow_core/keypoint_visualization@v1", "KeypointVisualization")
    label = "Keypoint Visualization"
    summary = "Draw the skeleton points of detections and the edges between them."
    engine = ">=1.2.0,<2.0.0"

    class Fields(Drawing):
        """Thickness for edges, radius for points, the others for labels; in pixels."""

        predictions: Annotated[str, Selector(kinds.KEYPOINTS)]
        annotator_type: Literal["edge", "vertex", "vertex_label"] = "edge"
        color: str | StrRef = "#A351FB"
        text_color: str | StrRef = "black"
        text_scale: float | FloatRef = 0.5
        text_thickness: int | IntRef = 1
        text_padding: int | IntRef = 10
        thickness: int | IntRef = 2
        radius: int | IntRef = 10
        edges: list[Any] | ListRef = Field(default=None)  # type: ignore[assignment] # as in definitions

    def run(self, image: WorkflowImage, predictions: sv.Detections, **values: Any) -> dict[str, Any]:
        """The drawn image."""
        drawn = canvas(image)
        if len(predictions):
            drawn = _annotator(values).annotate(drawn, skeletons(predictions))
        return {"image": image.replaced(drawn)}


def _annotator(values: Mapping[str, Any]) -> Any:
    color = single(values["color"])
    match values["annotator_type"]:
        case "vertex":
            return sv.VertexAnnotator(color=color, radius=values["radius"])
        case "vertex_label":
            return sv.VertexLabelAnnotator(
                color=color,
                text_color=single(values["text_color"]),
                text_scale=values["text_scale"],
                text_thickness=values["text_thickness"],
                text_padding=values["text_padding"],
                border_radius=values["radius"],
            )
    edges = None if values["edges"] is None else [(int(a), int(b)) for a, b in values["edges"]]
    return sv.EdgeAnnotator(color=color, thickness=values["thickness"], edges=edges)


def skeletons(found: sv.Detections) -> sv.KeyPoints:
    """Keypoints of detections; those with fewer points than others are filled up invisibly. Raises InvalidRequest."""
    if KEYPOINTS_XY not in found.data:
        raise InvalidRequest("There are no keypoints to draw: use a keypoint model.")
    points = [np.asarray(each, np.float32).reshape(-1, 2) for each in found.data[KEYPOINTS_XY]]
    most = max(len(each) for each in points)
    xy = np.zeros((len(points), most, 2), np.float32)
    for i, each in enumerate(points):
        xy[i, : len(each)] = each
    there = np.arange(most)[None] < np.array([len(each) for each in points])[:, None]
    return sv.KeyPoints(xy=xy, visible=there)
