"""Choose a value by cases."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields
from shared.workflows.uql import AnyOperation, CasesDefinition
from shared.workflows.uql.named import prepared


class Expression(Block):
    """The result of the first case whose condition holds, or the default."""

    ids = ("roboflow_core/expression@v1", "Expression")
    label = "Expression"
    summary = "Choose a value by cases."
    category = "formatter"
    outputs = {"output": (kinds.ANY,)}

    class Fields(StepFields):
        """Conditions and results see ``data`` by name, after the operations of that name."""

        data: dict[str, AnyRef]
        data_operations: dict[str, list[AnyOperation]] = Field(default_factory=dict)
        switch: CasesDefinition

    def run(
        self, data: dict[str, Any], data_operations: dict[str, list[AnyOperation]], switch: CasesDefinition
    ) -> dict[str, Any]:
        """Raises InvalidRequest as operations and conditions do."""
        return {"output": switch.resolve(prepared(data, data_operations))}
