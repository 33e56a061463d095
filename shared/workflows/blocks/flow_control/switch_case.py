"""Go on with the step that a value is mapped to."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shared.workflows.block import Block, FlowControl
from shared.workflows.fields import AnyRef, StepFields, StepRef


class SwitchCase(Block):
    """Each case is a branch of its own; the default steps are one branch together."""

    ids = ("roboflow_core/switch_case@v1", "SwitchCase")
    label = "Switch Case"
    summary = "Go on with the step that a value is mapped to."
    category = "flow_control"
    engine = ">=1.11.0,<2.0.0"

    class Fields(StepFields):
        """``cases`` maps texts to steps; numbers and booleans are compared as text."""

        value: AnyRef | str | int | float | bool
        cases: dict[str, StepRef] = Field(default_factory=dict)
        case_insensitive: bool = False
        default_next_steps: list[StepRef] = Field(default_factory=list)

    def run(
        self, value: Any, cases: dict[str, str], case_insensitive: bool, default_next_steps: list[str]
    ) -> FlowControl:
        """The matching case's step, or the default ones."""
        wanted = _text(value, case_insensitive)
        for case, step in cases.items():
            if _text(case, case_insensitive) == wanted:
                return FlowControl(step)
        return FlowControl(default_next_steps or None)


def _text(value: Any, case_insensitive: bool) -> str:
    text = str(value)
    return text.lower() if case_insensitive else text
