"""What a workflow answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from visionfleet.errors import BadAnswer
from visionfleet.results.base import ImageSize, Result


@dataclass(frozen=True, kw_only=True)
class WorkflowOutputs(Result):
    """One run of a workflow, of a job or a batch.

    Attributes:
        outputs: for each image that the run was given, its outputs by name.
        image: 0 x 0, for a run may have any number of images.
    """

    TASK: ClassVar[str] = "workflow"

    outputs: Sequence[Mapping[str, Any]]

    @override
    def to_dict(self) -> dict[str, Any]:
        """Plain values ready for JSON."""
        return {"task": self.task, "outputs": [dict(row) for row in self.outputs]}

    @override
    def rows(self) -> list[dict[str, Any]]:
        """One row per image: those outputs that are single values."""
        plain = (str, int, float, type(None))
        return [{name: value for name, value in row.items() if isinstance(value, plain)} for row in self.outputs]


def workflow_outputs(model: str, body: Mapping[str, Any], timings: Mapping[str, float]) -> WorkflowOutputs:
    """Read a workflow's answer. Raises BadAnswer."""
    found = body.get("outputs")
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise BadAnswer("The answer holds no outputs of a workflow.")
    none = ImageSize(0, 0)
    return WorkflowOutputs(
        task=WorkflowOutputs.TASK, model=model, image=none, timings=timings, raw=body, outputs=tuple(found)
    )
