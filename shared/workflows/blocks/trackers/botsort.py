"""BoT-SORT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import supervision as sv
from typing_extensions import override

from shared.workflows.blocks.trackers._tracking import TrackerBlock, TrackerFields, life
from shared.workflows.fields import BoolRef, FractionRef, IntRef
from shared.workflows.images import WorkflowImage
from shared.workflows.tracking.camera_motion import CameraMotion
from shared.workflows.tracking.two_stage import BotSort, BotSortRules


class BotSortTracker(TrackerBlock[BotSort]):
    """ByteTrack's stages with thresholds of their own; it can follow a moving camera. Appearance does not count."""

    ids = ("roboflow_core/trackers_botsort@v1",)
    label = "BoT-SORT Tracker"
    summary = "Give each object of a video one id, also when the camera moves."

    class Fields(TrackerFields):
        """Least overlaps of each stage; confidences; matches before an id; how the camera's motion is measured."""

        minimum_iou_threshold_first_assoc: float | FractionRef | None = 0.2
        minimum_iou_threshold_second_assoc: float | FractionRef | None = 0.5
        minimum_iou_threshold_unconfirmed_assoc: float | FractionRef | None = 0.3
        minimum_consecutive_frames: int | IntRef | None = 2
        track_activation_threshold: float | FractionRef | None = 0.7
        high_conf_det_threshold: float | FractionRef | None = 0.6
        enable_cmc: bool | BoolRef = False
        cmc_method: Literal["orb", "sift", "sparseOptFlow", "ecc"] = "sparseOptFlow"
        cmc_downscale: int | IntRef | None = 2
        instant_first_frame_activation: bool | BoolRef = False

    @override
    def begin(self, values: Mapping[str, Any], fps: float) -> BotSort:
        """BoT-SORT with these values."""
        camera = CameraMotion(values["cmc_method"], int(values["cmc_downscale"])) if values["enable_cmc"] else None
        rules = BotSortRules(
            values["minimum_iou_threshold_first_assoc"],
            values["minimum_iou_threshold_second_assoc"],
            values["minimum_iou_threshold_unconfirmed_assoc"],
            values["high_conf_det_threshold"],
            values["track_activation_threshold"],
            at_once=values["instant_first_frame_activation"],
        )
        return BotSort(rules, camera, life(values, fps))

    @override
    def follow(self, tracker: BotSort, image: WorkflowImage, found: sv.Detections) -> Any:
        """Ids of the frame's detections, the camera's motion taken out."""
        if tracker.follows_camera:
            tracker.see(image.pixels)
        return super().follow(tracker, image, found)
