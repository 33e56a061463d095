"""Keep detections that meet conditions."""

from __future__ import annotations

from typing import Any

import supervision as sv
from pydantic import Field

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.blocks.transformations.detections_transformation import transformed
from shared.workflows.fields import AnyRef, BoxesRef, StepFields
from shared.workflows.uql import AnyOperation


class DetectionsFilter(Block):
    """By class, confidence, size, place, and whatever else statements of the query language can say."""

    ids = ("roboflow_core/detections_filter@v1", "DetectionsFilter")
    label = "Detections Filter"
    summary = "Keep the detections that meet conditions."
    category = "transformation"
    outputs = {"predictions": kinds.BOXES}
    batch = ("predictions",)
    batch_or_scalar = ("operations_parameters",)

    class Fields(StepFields):
        """``operations_parameters`` are values that conditions name, such as a list of classes."""

        predictions: BoxesRef
        operations: list[AnyOperation]
        operations_parameters: dict[str, AnyRef] = Field(default_factory=dict)

    def run(
        self,
        predictions: Batch[sv.Detections],
        operations: list[AnyOperation],
        operations_parameters: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """The kept detections of each image."""
        return transformed(predictions, operations, operations_parameters)
