"""ByteTrack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from shared.workflows.blocks.trackers._tracking import TrackerBlock, TrackerFields, life
from shared.workflows.fields import FractionRef, IntRef
from shared.workflows.tracking.two_stage import TwoStage


class ByteTrackTracker(TrackerBlock[TwoStage]):
    """Weak boxes keep tracks alive through blur and partial occlusion; for most scenes."""

    ids = ("roboflow_core/trackers_bytetrack@v1",)
    label = "ByteTrack Tracker"
    summary = "Give each object of a video one id, with the help of weak detections."

    class Fields(TrackerFields):
        """The least overlap of a match; confidences of new tracks and of the first stage; matches before an id."""

        minimum_iou_threshold: float | FractionRef | None = 0.1
        minimum_consecutive_frames: int | IntRef | None = 2
        track_activation_threshold: float | FractionRef | None = 0.7
        high_conf_det_threshold: float | FractionRef | None = 0.6

    @override
    def begin(self, values: Mapping[str, Any], fps: float) -> TwoStage:
        """ByteTrack with these values."""
        return TwoStage(
            values["minimum_iou_threshold"],
            values["high_conf_det_threshold"],
            values["track_activation_threshold"],
            life(values, fps),
        )
