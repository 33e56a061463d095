"""Go on only while a statement holds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.workflows.block import STATEFUL, Block, FlowControl
from shared.workflows.fields import AnyRef, FloatRef, StepFields, StepRef
from shared.workflows.uql import StatementGroup


class ContinueIf(Block):
    """The steps run when the statement holds, and for ``stop_delay`` seconds after it last did."""

    ids = ("roboflow_core/continue_if@v1", "ContinueIf")
    label = "Continue If"
    summary = "Go on only while a statement holds."
    category = "flow_control"
    stateful = True
    restrictions = (STATEFUL,)

    class Fields(StepFields):
        """The statement sees ``evaluation_parameters`` by name."""

        condition_statement: StatementGroup
        evaluation_parameters: dict[str, AnyRef] = Field(default_factory=dict)
        next_steps: list[StepRef]
        stop_delay: FloatRef | float = 0

    _held: float | None = None

    def run(
        self,
        condition_statement: StatementGroup,
        evaluation_parameters: dict[str, Any],
        next_steps: list[str],
        stop_delay: float,
    ) -> FlowControl:
        """The steps, or none. Raises InvalidRequest when the statement cannot be decided."""
        holds = condition_statement.holds(evaluation_parameters)
        with self.services.lock:
            now = self.services.monotonic()
            if holds:
                self._held = now
            lately = self._held is not None and now - self._held < stop_delay
        return FlowControl(next_steps or None) if holds or lately else FlowControl(None)
