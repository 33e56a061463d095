"""Bring branches of control flow together again."""

from __future__ import annotations

from typing import Any

from shared.workflows import kinds
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, StepFields


class FirstNonEmptyOrDefault(Block):
    """Where branches may not have run, take the value of the first that did."""

    ids = ("roboflow_core/first_non_empty_or_default@v1", "FirstNonEmptyOrDefault")
    label = "First Non Empty Or Default"
    summary = "Take the first value that is there, or a default."
    category = "formatter"
    outputs = {"output": (kinds.ANY,)}
    accepts_empty = True

    class Fields(StepFields):
        """``data`` in the order of preference."""

        data: list[AnyRef]
        default: Any = None

    def run(self, data: list[Any], default: Any) -> dict[str, Any]:
        """The first of ``data`` that is not None."""
        return {"output": next((value for value in data if value is not None), default)}
