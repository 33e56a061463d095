"""Work out a value by a chain of operations."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.uql import AnyOperation, chain


class PropertyDefinition(Block):
    """Such as the number of detections, or the names of their classes."""

    ids = ("roboflow_core/property_definition@v1", "PropertyDefinition", "PropertyExtraction")
    label = "Property Definition"
    summary = "Work out a value by a chain of operations."
    category = "formatter"
    outputs = {"output": (kinds.ANY,)}

    class Fields(StepFields):
        """``operations`` run one after the other on ``data``."""

        data: AnyRef
        operations: list[AnyOperation]

    def run(self, data: Any, operations: list[AnyOperation]) -> dict[str, Any]:
        """Raises InvalidRequest when an operation cannot take its value."""
        return {"output": chain(operations, data, {})}
