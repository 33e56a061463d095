"""Tell how long each object has been in a zone."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.analytics._tracked import MOST_TRACKS, AnchorField, points, polygon, seconds, track_ids
from shared.workflows.blocks.analytics.line_counter import MetadataRef
from shared.workflows.detections import TIME_IN_ZONE, at, copied
from shared.workflows.fields import BoolRef, ImageRef, ListRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo

Entries = OrderedDict[int, float]
"""When each tracked object came in, in seconds."""


class _Fields(StepFields):
    image: ImageRef
    detections: ObjectsOrInstancesRef
    zone: list[Any] | ListRef
    triggering_anchor: AnchorField = "CENTER"
    remove_out_of_zone_detections: bool | BoolRef = True
    reset_out_of_zone_detections: bool | BoolRef = True


class _TimeInZone(Block):
    category = "analytics"
    label = "Time in Zone"
    summary = "Tell how long each object has been in a zone."
    outputs = {"timed_detections": (kinds.OBJECTS, kinds.INSTANCES)}
    stateful = True
    restrictions = (STATEFUL,)

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._entries: PerVideo[Entries] = PerVideo(OrderedDict)

    def timed(self, video: VideoMetadata, detections: sv.Detections, zones: list[Any], options: Any) -> dict[str, Any]:
        """Detections with their seconds in any of the zones."""
        ids = track_ids(detections, "Time in zone")
        inside = _inside(points(detections, options["triggering_anchor"]), zones)
        now = seconds(video)
        # Whoever sees objects outside at time 0 has them begin anew; only one who never sees them may let time go on.
        forget = options["reset_out_of_zone_detections"] or not options["remove_out_of_zone_detections"]
        with self.services.lock:
            entries = self._entries.of(video)
            spent = [_spent(entries, *one, now, forget) for one in zip(ids, inside, strict=True)]
            while len(entries) > MOST_TRACKS:
                entries.popitem(last=False)
        made = copied(detections)
        made.data[TIME_IN_ZONE] = np.array(spent, float)
        if options["remove_out_of_zone_detections"]:
            made = at(made, np.flatnonzero(inside).tolist())
        return {"timed_detections": made}


def _inside(where: npt.NDArray[np.float64], zones: list[Any]) -> list[bool]:
    outlines = [polygon(zone, "zone").astype(np.float32).reshape(-1, 1, 2) for zone in zones]
    return [
        any(cv2.pointPolygonTest(outline, (float(x), float(y)), measureDist=False) >= 0 for outline in outlines)
        for x, y in where
    ]


def _spent(entries: Entries, name: int, inside: bool, now: float, forget: bool) -> float:
    """Seconds since the object came in; outside it is 0."""
    if not inside:
        if forget:
            entries.pop(name, None)
        return 0.0
    entries.setdefault(name, now)
    entries.move_to_end(name)
    return max(now - entries[name], 0.0)


class TimeInZoneV1(_TimeInZone):
    """By the tracker's ids; with ``metadata`` for the time."""

    ids = ("roboflow_core/time_in_zone@v1",)

    class Fields(_Fields):
        """``zone`` is a polygon; an object is where its anchor is."""

        metadata: MetadataRef

    def run(
        self, image: WorkflowImage, metadata: VideoMetadata, detections: sv.Detections, zone: list[Any], **options: Any
    ) -> dict[str, Any]:
        """Detections with ``time_in_zone``. Raises InvalidRequest for detections without a tracker."""
        del image
        return self.timed(metadata, detections, [zone], options)


class TimeInZoneV2(_TimeInZone):
    """By the tracker's ids."""

    ids = ("roboflow_core/time_in_zone@v2",)

    class Fields(_Fields):
        """``zone`` is a polygon; an object is where its anchor is."""

    def run(self, image: WorkflowImage, detections: sv.Detections, zone: list[Any], **options: Any) -> dict[str, Any]:
        """Detections with ``time_in_zone``. Raises InvalidRequest for detections without a tracker."""
        return self.timed(image.video_metadata, detections, [zone], options)


class TimeInZoneV3(_TimeInZone):
    """By the tracker's ids; several zones count as one."""

    ids = ("roboflow_core/time_in_zone@v3",)

    class Fields(_Fields):
        """``zone`` is a polygon, or a list of them; an object is where its anchor is."""

    def run(self, image: WorkflowImage, detections: sv.Detections, zone: list[Any], **options: Any) -> dict[str, Any]:
        """Detections with ``time_in_zone``. Raises InvalidRequest for detections without a tracker."""
        return self.timed(
            image.video_metadata, detections, zone if _several(zone) or not len(zone) else [zone], options
        )


def _several(zone: Any) -> bool:
    """Whether it is a list of polygons: three levels of lists."""
    try:
        return np.ndim(zone[0][0]) > 0
    except (TypeError, IndexError, ValueError):
        return False
