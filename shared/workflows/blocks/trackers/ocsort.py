"""OC-SORT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from shared.workflows.blocks.trackers._tracking import TrackerBlock, TrackerFields, life
from shared.workflows.fields import FractionRef, IntRef
from shared.workflows.tracking.ocsort import OcSort


class OcSortTracker(TrackerBlock[OcSort]):
    """For objects that are hidden for a while and do not move evenly."""

    ids = ("roboflow_core/trackers_ocsort@v1",)
    label = "OC-SORT Tracker"
    summary = "Give each object of a video one id, through occlusion and uneven motion."

    class Fields(TrackerFields):
        """Overlap and confidence of a match; the direction's weight, over how many frames; matches before an id."""

        minimum_iou_threshold: float | FractionRef | None = 0.3
        minimum_consecutive_frames: int | IntRef | None = 3
        high_conf_det_threshold: float | FractionRef | None = 0.6
        direction_consistency_weight: float | FractionRef | None = 0.2
        delta_t: int | IntRef | None = 3

    @override
    def begin(self, values: Mapping[str, Any], fps: float) -> OcSort:
        """OC-SORT with these values."""
        return OcSort(
            values["minimum_iou_threshold"],
            values["high_conf_det_threshold"],
            values["direction_consistency_weight"],
            values["delta_t"],
            life(values, fps),
        )
