"""Read JSON that a language model wrote."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import field_validator
from typing_extensions import override

from shared.workflows import kinds
from shared.workflows.block import Block, Outputs
from shared.workflows.fields import Selector, StepFields
from shared.workflows.json_text import read_object

ERROR = "error_status"


class JSONParser(Block):
    """Each expected field is an output; the JSON may stand in a fenced block of Markdown."""

    ids = ("roboflow_core/json_parser@v1",)
    label = "JSON Parser"
    summary = "Read JSON that a language model wrote."
    category = "formatter"
    outputs = {ERROR: (kinds.BOOLEAN,), "*": (kinds.ANY,)}

    class Fields(StepFields):
        """``expected_fields`` are keys of the JSON object."""

        raw_json: str | Annotated[str, Selector(kinds.LLM_OUTPUT)]
        expected_fields: list[str]

        @field_validator("expected_fields")
        @classmethod
        def _not_ours(cls, names: list[str]) -> list[str]:
            if ERROR in names:
                raise ValueError(f"{ERROR!r} is an output of the block itself; it cannot be expected of the JSON")
            return names

    @override
    @classmethod
    def actual_outputs(cls, step: StepFields) -> Outputs:
        expected: list[str] = getattr(step, "expected_fields", [])
        return {ERROR: (kinds.BOOLEAN,), **dict.fromkeys(expected, (kinds.ANY,))}

    def run(self, raw_json: str, expected_fields: list[str]) -> dict[str, Any]:
        """Fields that are missing are None, and ``error_status`` tells that one is."""
        found = read_object(raw_json) or {}
        missing = any(name not in found for name in expected_fields)
        return {ERROR: missing or not found, **{name: found.get(name) for name in expected_fields}}
