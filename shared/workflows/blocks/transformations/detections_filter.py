"""Keep detections that meet conditions."""

from __future__ import annotations

from shared.workflows.blocks.transformations._operations import OperationsBlock


class DetectionsFilter(OperationsBlock):
    """By class, confidence, size, place, and whatever else statements of the query language can say."""

    ids = ("roboflow_core/detections_filter@v1", "DetectionsFilter")
    label = "Detections Filter"
    summary = "Keep the detections that meet conditions."
