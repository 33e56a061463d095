"""SORT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from shared.workflows.blocks.trackers._tracking import TrackerBlock, TrackerFields, life
from shared.workflows.fields import FractionRef, IntRef
from shared.workflows.tracking.sort import Sort


class SortTracker(TrackerBlock[Sort]):
    """Fast and simple, for objects that stay visible."""

    ids = ("roboflow_core/trackers_sort@v1",)
    label = "SORT Tracker"
    summary = "Give each object of a video one id, by overlap with where it should be."

    class Fields(TrackerFields):
        """The least overlap of a match, the least confidence of a new track, matches before it gets its id."""

        minimum_iou_threshold: float | FractionRef | None = 0.3
        minimum_consecutive_frames: int | IntRef | None = 3
        track_activation_threshold: float | FractionRef | None = 0.25

    @override
    def begin(self, values: Mapping[str, Any], fps: float) -> Sort:
        """SORT with these values."""
        return Sort(
            values["minimum_iou_threshold"],
            values["track_activation_threshold"],
            life(values, fps),
        )
