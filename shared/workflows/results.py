"""The outputs of a run: one dictionary per element of the input batch."""

from __future__ import annotations

from typing import Any

import supervision as sv

from shared.workflows import kinds
from shared.workflows.batch import Index
from shared.workflows.data import RunData
from shared.workflows.detections import to_root
from shared.workflows.graph import kinds_of
from shared.workflows.plan import ROOT, Lineage, OutputPlan, Plan
from shared.workflows.selectors import Ref

HOLD_NONE = frozenset(
    {
        *(kinds.IMAGE, kinds.CLASSIFICATION, kinds.STRING, kinds.INTEGER, kinds.FLOAT, kinds.FRACTION, kinds.BOOLEAN),
        *(kinds.INFERENCE_ID, kinds.MODEL_ID, kinds.PARENT_ID, kinds.TIMESTAMP),
    }
)
"""Kinds in which there are no detections to be looked for."""


def construct(plan: Plan, data: RunData) -> list[dict[str, Any]]:
    """Values of one element as they are, deeper levels as nested lists, single values in each dictionary.

    Levels that no input has (a step made them of single values) are whole in each dictionary. Without any output
    that belongs to an input there is one dictionary.
    """
    from_inputs = any(output.lineage[:1] == ROOT for output in plan.outputs)
    rows = data.indices[ROOT] if from_inputs else [()]
    return [{output.output.name: _value(data, output, row) for output in plan.outputs} for row in rows]


def _value(data: RunData, output: OutputPlan, row: Index) -> Any:
    if isinstance(output.source, Ref):
        return _of(data, output, output.source, row)
    found = {name: _of(data, output, ref, row) for name, ref in output.source.items()}
    depths = {len(data.plan.lineage_of(ref)) - len(row) for ref in output.source.values()}
    return _together(found, depths.pop()) if len(depths) == 1 else found


def _together(found: dict[str, Any], depth: int) -> Any:
    """All outputs of a step: one dictionary per element, at whatever depth its elements are."""
    if depth < 1 or not found:
        return found
    rows = zip(*found.values(), strict=True)
    return [_together(dict(zip(found, values, strict=True)), depth - 1) for values in rows]


def _of(data: RunData, output: OutputPlan, ref: Ref, row: Index) -> Any:
    lineage = data.plan.lineage_of(ref)
    if not lineage:
        return data.value(ref)
    own = lineage[:1] != ROOT
    value = _nested(data, ref, lineage, () if own else row)
    moves = output.output.coordinates_system == "parent" and not HOLD_NONE.issuperset(kinds_of(data.plan, ref))
    return moved(value) if moves else value


def _nested(data: RunData, ref: Ref, lineage: Lineage, index: Index) -> Any:
    """The value at an index, or the list of all below it."""
    if len(index) == len(lineage):
        return data.value(ref, index)
    children = data.children(lineage[: len(index) + 1], index)
    if not children:  # an empty place has the depth that a full one would have
        empty: list[Any] = []
        for _ in range(len(lineage) - len(index) - 1):
            empty = [empty]
        return empty
    return [_nested(data, ref, lineage, child) for child in children]


def moved(value: Any) -> Any:
    """A value with all detections in it in the coordinates of their root image."""
    if isinstance(value, sv.Detections):
        return to_root(value)
    if isinstance(value, list):
        return [moved(item) for item in value]
    if isinstance(value, dict):
        return {key: moved(item) for key, item in value.items()}
    return value
