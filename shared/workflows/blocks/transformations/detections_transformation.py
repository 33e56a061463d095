"""Change detections by operations of the query language."""

from __future__ import annotations

from shared.workflows.blocks.transformations._operations import OperationsBlock


class DetectionsTransformation(OperationsBlock):
    """Filter, sort, pick, rename, shift and grow, one after the other."""

    ids = ("roboflow_core/detections_transformation@v1", "DetectionsTransformation")
    label = "Detections Transformation"
    summary = "Change detections by a chain of operations."
