"""Gather what a step made for each element's parts into one list."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields


class DimensionCollapse(Block):
    """From one value per crop to one list per image."""

    ids = ("roboflow_core/dimension_collapse@v1", "DimensionCollapse")
    label = "Dimension Collapse"
    summary = "Gather nested values into one list."
    category = "fusion"
    outputs = {"output": (kinds.LIST,)}
    auto_batch = ("data",)
    output_offset = -1

    class Fields(StepFields):
        """``data`` is one level deeper than the output."""

        data: AnyRef

    def run(self, data: Batch[Any]) -> dict[str, Any]:
        """The values in order."""
        return {"output": list(data)}
