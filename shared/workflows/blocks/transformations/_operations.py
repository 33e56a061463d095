"""What the blocks share that change detections by operations of the query language."""

from __future__ import annotations

from typing import Any

import supervision as sv
from pydantic import Field

from shared.errors import InvalidRequest
from shared.workflows import kinds
from shared.workflows.batch import Batch
from shared.workflows.block import Block
from shared.workflows.fields import AnyRef, BoxesRef, StepFields
from shared.workflows.uql import AnyOperation, chain
from shared.workflows.uql.base import CURRENT


class OperationsBlock(Block):
    """Base of them: operations on the detections of each image, one after the other."""

    category = "transformation"
    outputs = {"predictions": kinds.BOXES}
    batch = ("predictions",)
    batch_or_scalar = ("operations_parameters",)

    class Fields(StepFields):
        """``operations_parameters`` are values that operations name, such as a list of classes."""

        predictions: BoxesRef
        operations: list[AnyOperation]
        operations_parameters: dict[str, AnyRef] = Field(default_factory=dict)

    def run(
        self,
        predictions: Batch[sv.Detections],
        operations: list[AnyOperation],
        operations_parameters: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """The detections of each image after the operations."""
        return _transformed(predictions, operations, operations_parameters)


def _transformed(
    predictions: Batch[sv.Detections], operations: list[AnyOperation], parameters: dict[str, Any]
) -> list[dict[str, Any]]:
    """Run the operations on each image's detections; a parameter that is a ``Batch`` has a value for each image.

    Raises InvalidRequest when they do not make detections of detections, or a parameter has the operand's own name.
    """
    if CURRENT in parameters:
        raise InvalidRequest(f"operations_parameters may not be called {CURRENT!r}: that is the detections' own name.")
    count = len(predictions)
    values = {
        name: value.broadcast(count) if isinstance(value, Batch) else [value] * count
        for name, value in parameters.items()
    }
    answers = []
    for i, found in enumerate(predictions):
        made = chain(operations, found, {name: value[i] for name, value in values.items()})
        if not isinstance(made, sv.Detections):
            raise InvalidRequest(f"The operations make {type(made).__name__} of detections; they must keep detections.")
        answers.append({"predictions": made})
    return answers
