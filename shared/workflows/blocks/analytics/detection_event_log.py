"""Keep a log of objects that stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import supervision as sv
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.analytics._tracked import MOST_TRACKS, track_ids
from shared.workflows.detections import names
from shared.workflows.fields import FloatRef, ImageRef, IntRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo


@dataclass
class Seen:
    """One object: its first class, the frames and moments (seconds since the video's first frame) it was seen at."""

    name: str
    first: tuple[int, float]
    last: tuple[int, float]
    frames: int = 1


@dataclass
class Video:
    """What is known of one video; frames are those that came here, from 1; ``clock``: Unix seconds of the first."""

    began: float | None = None
    clock: float = 0.0
    frame: int = 0
    logged_ever: int = 0
    objects: dict[int, Seen] = field(default_factory=dict)


class DetectionEventLog(Block):
    """An object is pending until it was seen in ``frame_threshold`` frames; then it is logged.

    Every ``flush_interval`` frames, objects that were not seen for ``stale_frames`` frames are taken out; those of them
    that were logged are that frame's complete events.
    """

    ids = ("roboflow_core/detection_event_log@v1",)
    label = "Detection Event Log"
    summary = "Keep a log of objects that stay: when they came and went."
    category = "analytics"
    outputs = {
        "event_log": (kinds.DICTIONARY,),
        "detections": (kinds.OBJECTS, kinds.INSTANCES),
        "total_logged": (kinds.INTEGER,),
        "total_pending": (kinds.INTEGER,),
        "complete_events": (kinds.DICTIONARY,),
    }
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """``reference_timestamp``: Unix seconds of the first frame; ``fallback_fps`` for files that tell no rate."""

        image: ImageRef
        detections: ObjectsOrInstancesRef
        frame_threshold: int | IntRef = 30
        flush_interval: int | IntRef = 30
        stale_frames: int | IntRef = 300
        reference_timestamp: float | FloatRef | None = None
        fallback_fps: float | FloatRef = 1.0

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._videos: PerVideo[Video] = PerVideo(Video)

    def run(
        self,
        image: WorkflowImage,
        detections: sv.Detections,
        frame_threshold: int,
        flush_interval: int,
        stale_frames: int,
        **clock: Any,
    ) -> dict[str, Any]:
        """Events by tracker id. Raises InvalidRequest for detections without a tracker."""
        ids = track_ids(detections, "Detection event log")
        with self.services.lock:
            video = self._videos.of(image.video_metadata)
            _look(video, dict(zip(ids, names(detections), strict=True)), image.video_metadata, clock["fallback_fps"])
            video.logged_ever += sum(one.frames == frame_threshold for one in _now(video).values())
            gone = _stale(video, stale_frames) if video.frame % max(flush_interval, 1) == 0 else {}
            logged = {name: one for name, one in video.objects.items() if one.frames >= frame_threshold}
            pending = {name: one for name, one in video.objects.items() if one.frames < frame_threshold}
            complete = {name: one for name, one in gone.items() if one.frames >= frame_threshold}
            told = clock["reference_timestamp"]
            begin = video.clock if told is None else told
            return {
                "event_log": {"logged": _told(logged, begin), "pending": _told(pending, begin)},
                "detections": detections,
                "total_logged": video.logged_ever,
                "total_pending": len(pending),
                "complete_events": _told(complete, begin),
            }


def _look(video: Video, found: dict[int, str], metadata: VideoMetadata, fallback_fps: float) -> None:
    """Take a frame into account."""
    moment = metadata.frame_timestamp.timestamp()
    if metadata.comes_from_video_file:
        moment = metadata.frame_number / (metadata.fps or max(fallback_fps, 1e-6))
    if video.began is None:
        video.began, video.clock = moment, metadata.frame_timestamp.timestamp()
    video.frame += 1
    here = (video.frame, moment - video.began)
    for name, class_name in found.items():
        if name not in video.objects:
            video.objects[name] = Seen(class_name, here, here)
            continue
        one = video.objects.pop(name)  # those seen longest ago stay in front
        one.last, one.frames = here, one.frames + 1
        video.objects[name] = one
    while len(video.objects) > MOST_TRACKS:
        del video.objects[next(iter(video.objects))]


def _now(video: Video) -> dict[int, Seen]:
    return {name: one for name, one in video.objects.items() if one.last[0] == video.frame}


def _stale(video: Video, frames: int) -> dict[int, Seen]:
    gone = {name: one for name, one in video.objects.items() if video.frame - one.last[0] >= max(frames, 1)}
    for name in gone:
        del video.objects[name]
    return gone


def _told(objects: dict[int, Seen], begin: float) -> dict[str, Any]:
    """Events as plain values, in order of first appearance."""
    return {
        str(name): _event(name, one, begin) for name, one in sorted(objects.items(), key=lambda item: item[1].first)
    }


def _event(name: int, one: Seen, begin: float) -> dict[str, Any]:
    told: dict[str, Any] = {"tracker_id": name, "class_name": one.name, "frame_count": one.frames}
    for when, (frame, moment) in (("first_seen", one.first), ("last_seen", one.last)):
        told |= {f"{when}_frame": frame, f"{when}_relative": moment, f"{when}_timestamp": begin + moment}
    return told
