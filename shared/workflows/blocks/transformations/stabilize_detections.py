"""Steadier boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.detections import at, copied
from shared.workflows.fields import FractionRef, ImageRef, IntRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.merging import merged
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.tracking.smoothing import Stabilizer


@dataclass
class _Video:
    boxes: Stabilizer
    last: dict[int, sv.Detections] = field(default_factory=dict)


class StabilizeDetections(Block):
    """Boxes move only a part of the way to where they are seen; lost tracks drift on at their speed for some frames."""

    ids = ("roboflow_core/stabilize_detections@v1",)
    label = "Detections Stabilizer"
    summary = "Take flicker and jitter out of tracked boxes."
    category = "transformation"
    outputs = {"tracked_detections": (kinds.OBJECTS, kinds.INSTANCES)}
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """Window in frames; the coefficient is the share of the way that a box moves. A video's first values count."""

        image: ImageRef
        detections: ObjectsOrInstancesRef
        smoothing_window_size: int | IntRef | None = 3
        bbox_smoothing_coefficient: float | FractionRef | None = 0.2

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._videos: PerVideo[_Video] = PerVideo(lambda: _Video(Stabilizer()))

    def run(
        self,
        image: WorkflowImage,
        detections: sv.Detections,
        smoothing_window_size: int | None,
        bbox_smoothing_coefficient: float | None,
    ) -> dict[str, Any]:
        """The smoothed detections, and after them those that are out of sight but drift on."""
        window = 3 if smoothing_window_size is None else smoothing_window_size
        share = 0.2 if bbox_smoothing_coefficient is None else bbox_smoothing_coefficient
        video = self._videos.of(image.video_metadata, lambda: _Video(Stabilizer(window, share)))
        ids = tracker_ids(detections, "The detections stabilizer")
        boxes, drifting = video.boxes.update(ids, detections.xyxy.astype(float))
        made = copied(detections)
        made.xyxy = boxes.astype(np.float64)
        made.tracker_id = np.array(ids, int)
        lost = []
        for id_, box in drifting.items():
            one = copied(video.last[id_])
            one.xyxy = box[None].astype(np.float64)
            lost.append(one)
        video.last = {id_: found for id_, found in video.last.items() if id_ in drifting}
        video.last |= {id_: at(made, [i]) for i, id_ in enumerate(ids)}
        return {"tracked_detections": merged([made, *lost]) if lost else made}


def tracker_ids(found: sv.Detections, who: str) -> list[int]:
    """Ids of tracked detections. Raises InvalidRequest for others."""
    if len(found) and found.tracker_id is None:
        raise InvalidRequest(f"{who} needs tracked detections: put a tracker before it.")
    return [] if found.tracker_id is None else [int(id_) for id_ in found.tracker_id]
