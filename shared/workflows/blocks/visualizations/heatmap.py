"""Draw where objects have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import supervision as sv
from pydantic import Field

from shared.workflows import kinds
from shared.workflows.block import STATEFUL
from shared.workflows.blocks.visualizations._drawing import DetectionsDrawing, Visualization, canvas, position
from shared.workflows.detections import at
from shared.workflows.fields import BoolRef, FloatRef, IntRef, Selector, StrRef
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services

FORGET_AFTER = 1800  # frames that a track may be out of sight


@dataclass
class _Video:
    heat: Any
    frame: int = 0
    last: dict[int, tuple[int, Any]] = field(default_factory=dict)  # frame and point of a track's last move


class Heatmap(Visualization):
    """Adds up over the frames of a video. Tracked objects count only when they move."""

    ids = ("roboflow_core/heatmap_visualization@v1", "HeatmapVisualization")
    label = "Heatmap Visualization"
    summary = "Draw where objects have been over the frames of a video."
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(DetectionsDrawing):
        """Sizes in pixels; OpenCV's hues (to 180), ``top_hue`` for the most. A video's first values count."""

        metadata: Annotated[str, Selector(kinds.VIDEO_METADATA)] = Field(default=None)  # type: ignore[assignment] # as in definitions
        position: (
            Literal[
                "CENTER", "CENTER_LEFT", "CENTER_RIGHT", "TOP_CENTER", "TOP_LEFT", "TOP_RIGHT",
                "BOTTOM_CENTER", "BOTTOM_LEFT", "BOTTOM_RIGHT",
            ]
            | StrRef
        ) = "BOTTOM_CENTER"  # fmt: skip
        opacity: float | FloatRef = 0.2
        radius: int | IntRef = 40
        kernel_size: int | IntRef = 25
        top_hue: int | IntRef = 0
        low_hue: int | IntRef = 125
        ignore_stationary: bool | BoolRef = True
        motion_threshold: int | IntRef = 25

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._videos: PerVideo[_Video] = PerVideo(lambda: _Video(sv.HeatMapAnnotator()))

    def run(
        self,
        image: WorkflowImage,
        predictions: sv.Detections,
        metadata: VideoMetadata | None,
        ignore_stationary: bool,
        motion_threshold: int,
        **values: Any,
    ) -> dict[str, Any]:
        """The drawn image."""
        anchor = position(values["position"])

        def begin() -> _Video:
            sizes = {name: values[name] for name in ("opacity", "radius", "kernel_size", "top_hue", "low_hue")}
            return _Video(sv.HeatMapAnnotator(position=anchor, **sizes))

        video = self._videos.of(metadata or image.video_metadata, begin)
        video.frame += 1
        if ignore_stationary and predictions.tracker_id is not None:
            predictions = at(predictions, _moving(video, predictions, anchor, motion_threshold))
        return {"image": image.replaced(video.heat.annotate(canvas(image), predictions))}


def _moving(video: _Video, found: sv.Detections, anchor: sv.Position, threshold: float) -> list[int]:
    """Positions of detections that are ``threshold`` pixels or more from where their track last moved to."""
    moving = []
    ids = [] if found.tracker_id is None else found.tracker_id.tolist()
    for i, (id_, point) in enumerate(zip(ids, found.get_anchors_coordinates(anchor), strict=True)):
        known = video.last.get(id_)
        if known is None or np.hypot(*(point - known[1])) >= threshold:
            video.last[id_] = (video.frame, point)
            if known is not None:
                moving.append(i)
    video.last = {id_: seen for id_, seen in video.last.items() if video.frame - seen[0] <= FORGET_AFTER or id_ in ids}
    return moving
