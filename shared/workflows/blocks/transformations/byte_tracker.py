"""Follow objects from frame to frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import supervision as sv

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.detections import at, copied
from shared.workflows.fields import FractionRef, ImageRef, IntRef, ObjectsOrInstancesRef, Selector, StepFields
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.services import Services
from shared.workflows.tracking.bytetrack import NO_ID, ByteTrack


class TrackerFields(StepFields):
    """Confidences from 0 to 1; ``lost_track_buffer`` in frames at 30 per second. A video's first values count."""

    track_activation_threshold: float | FractionRef | None = 0.25
    lost_track_buffer: int | IntRef | None = 30
    minimum_matching_threshold: float | FractionRef | None = 0.8
    minimum_consecutive_frames: int | IntRef | None = 1


class Tracker(Block):
    """Base of the versions: one tracker per video."""

    category = "transformation"
    outputs = {"tracked_detections": (kinds.OBJECTS,)}
    stateful = True
    deprecated = True
    restrictions = (STATEFUL,)

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._trackers: PerVideo[ByteTrack] = PerVideo(ByteTrack)

    def tracked(self, video: VideoMetadata, found: sv.Detections, values: Mapping[str, Any]) -> sv.Detections:
        """The detections that belong to a track, with its id."""

        def begin() -> ByteTrack:
            return ByteTrack(
                _given(values["track_activation_threshold"], 0.25),
                int(_given(values["lost_track_buffer"], 30)),
                _given(values["minimum_matching_threshold"], 0.8),
                int(_given(values["minimum_consecutive_frames"], 1)),
                video.fps or 30,
            )

        confidence = np.ones(len(found)) if found.confidence is None else found.confidence
        ids = self._trackers.of(video, begin).update(found.xyxy, confidence)
        made = copied(at(found, ids != NO_ID))
        made.tracker_id = ids[ids != NO_ID]
        return made


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


class ByteTrackerV1(Tracker):
    """ByteTrack. The video comes as metadata of its own; it must know its frame rate."""

    ids = ("roboflow_core/byte_tracker@v1",)
    label = "Byte Tracker"
    summary = "Give each object of a video one id over all frames."

    class Fields(TrackerFields):
        """Which video, and its detections."""

        metadata: Annotated[str, Selector(kinds.VIDEO_METADATA)]
        detections: ObjectsOrInstancesRef

    def run(self, metadata: VideoMetadata, detections: sv.Detections, **values: Any) -> dict[str, Any]:
        """The detections that belong to a track."""
        if not metadata.fps:
            raise InvalidRequest("byte_tracker@v1 needs the video's fps; give it with the metadata.")
        return {"tracked_detections": self.tracked(metadata, detections, values)}


class ByteTrackerV2(Tracker):
    """ByteTrack. The image says which video it is of."""

    ids = ("roboflow_core/byte_tracker@v2",)
    label = "Byte Tracker"
    summary = "Give each object of a video one id over all frames."

    class Fields(TrackerFields):
        """A frame and its detections."""

        image: ImageRef
        detections: ObjectsOrInstancesRef

    def run(self, image: WorkflowImage, detections: sv.Detections, **values: Any) -> dict[str, Any]:
        """The detections that belong to a track."""
        return {"tracked_detections": self.tracked(image.video_metadata, detections, values)}


class ByteTrackerV3(Tracker):
    """ByteTrack, which also tells objects seen for the first time from those seen before."""

    ids = ("roboflow_core/byte_tracker@v3",)
    label = "Byte Tracker"
    summary = "Give each object of a video one id over all frames, and tell new objects from known ones."
    outputs = {
        "tracked_detections": (kinds.OBJECTS,),
        "new_instances": (kinds.OBJECTS,),
        "already_seen_instances": (kinds.OBJECTS,),
    }

    class Fields(TrackerFields):
        """A frame and its detections; ``instances_cache_size`` ids are remembered as seen."""

        image: ImageRef
        detections: Annotated[str, Selector(kinds.OBJECTS, kinds.KEYPOINTS, kinds.INSTANCES)]
        instances_cache_size: int = 16384

    def __init__(self, services: Services, step: str = "", init_values: Mapping[str, Any] | None = None) -> None:
        super().__init__(services, step, init_values)
        self._seen: PerVideo[OrderedDict[int, None]] = PerVideo(OrderedDict)

    def run(
        self, image: WorkflowImage, detections: sv.Detections, instances_cache_size: int, **values: Any
    ) -> dict[str, Any]:
        """The detections that belong to a track, those of them that are new, and the others."""
        tracked = self.tracked(image.video_metadata, detections, values)
        seen = self._seen.of(image.video_metadata)
        ids = [] if tracked.tracker_id is None else tracked.tracker_id.tolist()
        known = np.array([_met(seen, id_, max(1, instances_cache_size)) for id_ in ids], bool)
        return {
            "tracked_detections": tracked,
            "new_instances": at(tracked, ~known),
            "already_seen_instances": at(tracked, known),
        }


def _met(seen: OrderedDict[int, None], id_: int, most: int) -> bool:
    """Whether the id was met before; it is remembered, and the oldest of more than ``most`` forgotten."""
    known = id_ in seen
    seen.setdefault(id_)
    while len(seen) > most:
        seen.popitem(last=False)
    return known
