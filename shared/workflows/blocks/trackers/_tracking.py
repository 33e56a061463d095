"""What tracker blocks share: their fields, one tracker per video, and which objects are new."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.detections import at, copied
from shared.workflows.fields import ImageRef, IntRef, Selector, StepFields
from shared.workflows.images import WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.tracking.tracker import NO_ID, Life, Tracker

TRACKED = (*kinds.BOXES, kinds.RLE_INSTANCES)

T = TypeVar("T", bound=Tracker)


class TrackerFields(StepFields):
    """Overlaps and confidences from 0 to 1; the buffer in frames at 30 per second. A video's first values count."""

    image: ImageRef
    detections: Annotated[str, Selector(*TRACKED)]
    lost_track_buffer: int | IntRef | None = 30
    instances_cache_size: int = 16384


class TrackerBlock(Block, ABC, Generic[T]):
    """Base of the tracker blocks."""

    category = "transformation"
    outputs = {"tracked_detections": TRACKED, "new_instances": TRACKED, "already_seen_instances": TRACKED}
    stateful = True
    restrictions = (STATEFUL,)

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._trackers: PerVideo[T] = PerVideo(lambda: self.begin(self.defaults(), 30))
        self._seen: PerVideo[OrderedDict[int, None]] = PerVideo(OrderedDict)

    @abstractmethod
    def begin(self, values: Mapping[str, Any], fps: float) -> T:
        """A tracker for a new video."""

    def defaults(self) -> dict[str, Any]:
        """What fields are when a definition says null."""
        fields = self.spec.manifest.model_fields
        return {name: fields[name].default for name in self.spec.names if not fields[name].is_required()}

    def follow(self, tracker: T, image: WorkflowImage, found: sv.Detections) -> Any:
        """Ids of the frame's detections."""
        del image
        return tracker.update(found.xyxy, np.ones(len(found)) if found.confidence is None else found.confidence)

    def run(self, image: WorkflowImage, detections: sv.Detections, **given: Any) -> dict[str, Any]:
        """The detections that belong to a track, those of them that are new, and the others."""
        values = {name: self.defaults()[name] if value is None else value for name, value in given.items()}
        if int(values["minimum_consecutive_frames"]) < 1 or int(values["lost_track_buffer"]) < 0:
            raise InvalidRequest("minimum_consecutive_frames must be at least 1, lost_track_buffer at least 0.")
        video = image.video_metadata
        tracker = self._trackers.of(video, lambda: self.begin(values, video.fps or 30))
        ids = self.follow(tracker, image, detections)
        tracked = copied(at(detections, ids != NO_ID))
        tracked.tracker_id = ids[ids != NO_ID]
        seen, most = self._seen.of(video), max(1, values["instances_cache_size"])
        known = np.array([met(seen, int(id_), most) for id_ in tracked.tracker_id], bool)
        return {
            "tracked_detections": tracked,
            "new_instances": at(tracked, ~known),
            "already_seen_instances": at(tracked, known),
        }


def life(values: Mapping[str, Any], fps: float) -> Life:
    """When a step's tracks are named and forgotten."""
    return Life(int(values["minimum_consecutive_frames"]), int(values["lost_track_buffer"]), fps)


def met(seen: OrderedDict[int, None], id_: int, most: int) -> bool:
    """Whether the id was met before; it is remembered, and the oldest of more than ``most`` forgotten."""
    known = id_ in seen
    seen.setdefault(id_)
    while len(seen) > most:
        seen.popitem(last=False)
    return known
