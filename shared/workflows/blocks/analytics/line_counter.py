"""Count objects that cross a line."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
import supervision as sv
from typing_extensions import override

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.analytics._tracked import AnchorField, polygon, position, track_ids
from shared.workflows.detections import at, copied
from shared.workflows.fields import ImageRef, ListRef, ObjectsOrInstancesRef, Selector, StepFields
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo
from shared.workflows.uql.properties import IN_OUT

MetadataRef: TypeAlias = Annotated[str, Selector(kinds.VIDEO_METADATA)]


class _LineCounter(Block):
    category = "analytics"
    stateful = True
    restrictions = (STATEFUL,)
    label = "Line Counter"
    summary = "Count objects that cross a line."

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._zones: PerVideo[sv.LineZone] = PerVideo(lambda: sv.LineZone(sv.Point(0, 0), sv.Point(1, 1)))

    def count(
        self, video: VideoMetadata, detections: sv.Detections, line: Any, anchor: str | None
    ) -> tuple[sv.LineZone, Any, Any]:
        """The line's counts so far, and which detections crossed it just now: in, and out."""
        track_ids(detections, "The line counter")
        start, end = _ends(line)
        anchors: dict[str, Any] = {} if anchor is None else {"triggering_anchors": [position(anchor)]}
        with self.services.lock:
            zone = self._zones.of(video, lambda: sv.LineZone(start, end, **anchors))
            came, went = zone.trigger(detections) if len(detections) else (np.zeros(0, bool), np.zeros(0, bool))
        return zone, came, went


class LineCounterV1(_LineCounter):
    """Objects go in from the left of the line, seen along it, to its right, and out the other way."""

    ids = ("roboflow_core/line_counter@v1",)
    outputs = {"count_in": (kinds.INTEGER,), "count_out": (kinds.INTEGER,)}

    class Fields(StepFields):
        """``line_segment`` is two points; an object crosses when its anchor does."""

        metadata: MetadataRef
        detections: ObjectsOrInstancesRef
        line_segment: list[Any] | ListRef
        triggering_anchor: AnchorField = "CENTER"

    def run(
        self, metadata: VideoMetadata, detections: sv.Detections, line_segment: Any, triggering_anchor: str
    ) -> dict[str, Any]:
        """The counts so far. Raises InvalidRequest for detections without a tracker."""
        zone, _, _ = self.count(metadata, detections, line_segment, triggering_anchor)
        return {"count_in": zone.in_count, "count_out": zone.out_count}


class LineCounterV2(_LineCounter):
    """Objects go in from the left of the line, seen along it, to its right, and out the other way."""

    ids = ("roboflow_core/line_counter@v2",)
    outputs = {
        "count_in": (kinds.INTEGER,),
        "count_out": (kinds.INTEGER,),
        "detections_in": (kinds.OBJECTS, kinds.INSTANCES),
        "detections_out": (kinds.OBJECTS, kinds.INSTANCES),
    }

    class Fields(StepFields):
        """Without an anchor, all four corners of a box must cross."""

        image: ImageRef
        detections: ObjectsOrInstancesRef
        line_segment: list[Any] | ListRef
        triggering_anchor: AnchorField | None = None

    def run(
        self, image: WorkflowImage, detections: sv.Detections, line_segment: Any, triggering_anchor: str | None
    ) -> dict[str, Any]:
        """The counts so far and who crossed just now. Raises InvalidRequest for detections without a tracker."""
        zone, came, went = self.count(image.video_metadata, detections, line_segment, triggering_anchor)
        return {
            "count_in": zone.in_count,
            "count_out": zone.out_count,
            "detections_in": _crossed(detections, came, "in"),
            "detections_out": _crossed(detections, went, "out"),
        }


def _crossed(detections: sv.Detections, which: Any, way: str) -> sv.Detections:
    chosen = copied(at(detections, np.flatnonzero(which).tolist()))
    chosen.data[IN_OUT] = np.array([way] * len(chosen), dtype=str)
    return chosen


def _ends(line: Any) -> tuple[sv.Point, sv.Point]:
    points = polygon(line, "line_segment", 2)
    if len(points) != 2:
        raise InvalidRequest("line_segment is two points [x, y].")
    (x0, y0), (x1, y1) = points.tolist()
    return sv.Point(x0, y0), sv.Point(x1, y1)
