"""Tell how far each object strays from a path."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.block import STATEFUL, Block
from shared.workflows.blocks.analytics._tracked import MOST_TRACKS, AnchorField, points, polygon, track_ids
from shared.workflows.blocks.analytics.line_counter import MetadataRef
from shared.workflows.detections import PATH_DEVIATION, copied
from shared.workflows.fields import ImageRef, ListRef, ObjectsOrInstancesRef, StepFields
from shared.workflows.images import VideoMetadata, WorkflowImage
from shared.workflows.per_video import PerVideo

Row = npt.NDArray[np.float64]


class FrechetDistance:
    """The discrete Fréchet distance between a path and points that come one by one.

    Eiter and Mannila's recurrence (1994), of which one row is all that the next point needs: memory is that of the
    path, however long an object is followed.
    """

    def __init__(self) -> None:
        self._row: Row | None = None

    def add(self, point: Row, path: Row) -> float:
        """Take in the next point [2]; the distance to ``path`` [n, 2] in pixels so far."""
        gaps = np.linalg.norm(path - point, axis=1)
        if self._row is None or len(self._row) != len(path):
            self._row = np.maximum.accumulate(gaps)
            return float(self._row[-1])
        row, before = np.empty_like(gaps), self._row
        row[0] = max(before[0], gaps[0])
        for i in range(1, len(gaps)):
            row[i] = max(min(before[i], before[i - 1], row[i - 1]), gaps[i])
        self._row = row
        return float(row[-1])


class _PathDeviation(Block):
    category = "analytics"
    label = "Path Deviation"
    summary = "Tell how far each object strays from a path."
    outputs = {"path_deviation_detections": (kinds.OBJECTS, kinds.INSTANCES)}
    stateful = True
    restrictions = (STATEFUL,)

    @override
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tracks: PerVideo[OrderedDict[int, FrechetDistance]] = PerVideo(OrderedDict)

    def deviated(self, video: VideoMetadata, detections: sv.Detections, anchor: str, path: Any) -> dict[str, Any]:
        """Detections with ``path_deviation`` in pixels."""
        reference = polygon(path, "reference_path", 2)
        ids, where = track_ids(detections, "Path deviation"), points(detections, anchor)
        with self.services.lock:
            tracks = self._tracks.of(video)
            strayed = []
            for name, point in zip(ids, where, strict=True):
                strayed.append(tracks.setdefault(name, FrechetDistance()).add(point, reference))
                tracks.move_to_end(name)
            while len(tracks) > MOST_TRACKS:
                tracks.popitem(last=False)
        made = copied(detections)
        made.data[PATH_DEVIATION] = np.array(strayed, float)
        return {"path_deviation_detections": made}


class _Fields(StepFields):
    detections: ObjectsOrInstancesRef
    triggering_anchor: AnchorField = "CENTER"
    reference_path: list[Any] | ListRef


class PathDeviationV1(_PathDeviation):
    """The Fréchet distance between an object's way so far and the path, with ``metadata`` of the video."""

    ids = ("roboflow_core/path_deviation_analytics@v1",)

    class Fields(_Fields):
        """``reference_path`` is a list of points."""

        metadata: MetadataRef

    def run(
        self, metadata: VideoMetadata, detections: sv.Detections, triggering_anchor: str, reference_path: Any
    ) -> dict[str, Any]:
        """Raises InvalidRequest for detections without a tracker."""
        return self.deviated(metadata, detections, triggering_anchor, reference_path)


class PathDeviationV2(_PathDeviation):
    """The Fréchet distance between an object's way so far and the path."""

    ids = ("roboflow_core/path_deviation_analytics@v2",)
    engine = ">=1.2.0,<2.0.0"

    class Fields(_Fields):
        """``reference_path`` is a list of points."""

        image: ImageRef

    def run(
        self, image: WorkflowImage, detections: sv.Detections, triggering_anchor: str, reference_path: Any
    ) -> dict[str, Any]:
        """Raises InvalidRequest for detections without a tracker."""
        return self.deviated(image.video_metadata, detections, triggering_anchor, reference_path)
