"""What is known in one run: values of inputs and outputs, which elements there are, and what flow control decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.workflows.batch import Index
from shared.workflows.plan import Control, Lineage, Plan, StepPlan
from shared.workflows.selectors import Ref


@dataclass
class RunData:
    """Values are either one for the run (lineage ``()``), or a dictionary by index, where a missing one is None.

    Attributes:
        indices: the elements of each lineage, in order.
        parts: the elements of a lineage by the one that they belong to a level up, which may have none.
        chosen: selectors that flow control chose, by step and index (``()`` for a decision about the whole run).
    """

    plan: Plan
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    indices: dict[Lineage, list[Index]] = field(default_factory=lambda: defaultdict(list))
    parts: dict[Lineage, dict[Index, list[Index]]] = field(default_factory=lambda: defaultdict(dict))
    chosen: dict[str, dict[Index, frozenset[str]]] = field(default_factory=dict)

    def value(self, ref: Ref, index: Index = ()) -> Any:
        """The value for the whole run, or of one element. A step that did not run has None."""
        found = self.inputs.get(ref.name) if ref.is_input else self.outputs.get(ref.name, {}).get(str(ref.output))
        if not self.plan.lineage_of(ref):
            return found
        return None if found is None else found.get(index)

    def children(self, lineage: Lineage, parent: Index) -> list[Index]:
        """The elements of a lineage that belong to one a level up."""
        return self.parts[lineage].get(parent, [])

    def allowed(self, step: StepPlan, index: Index) -> bool:
        """Whether every flow-control step lets this element (or ancestor of elements) pass."""
        return all(self._passes(control, index) for control in step.controls if len(control.lineage) <= len(index))

    def _passes(self, control: Control, index: Index) -> bool:
        chosen = self.chosen.get(control.source, {}).get(index[: len(control.lineage)], frozenset())
        return control.branch in chosen

    def decide(self, step: StepPlan, decisions: Mapping[Index, Any], branches: Sequence[tuple[str, str]]) -> None:
        """Note which branches a flow-control step chose: those of which it named a target."""
        self.chosen[step.name] = {
            index: frozenset(branch for branch, selector in branches if selector in _selectors(decision))
            for index, decision in decisions.items()
        }

    def store(self, step: StepPlan, answers: Mapping[Index, Mapping[str, Any] | None]) -> None:
        """Keep a step's answers, by index; under ``()`` when it ran once."""
        if not step.output_lineage:
            self.outputs[step.name] = dict(answers.get((), None) or {})
            return
        stored: dict[str, dict[Index, Any]] = defaultdict(dict)
        for index, answer in answers.items():
            for name, value in (answer or {}).items():
                stored[name][index] = value
        self.outputs[step.name] = dict(stored)

    def extend(self, lineage: Lineage, parts: Mapping[Index, Sequence[Any]]) -> dict[Index, Any]:
        """Register the parts that a step made of each element; their values by their new indices."""
        made: dict[Index, Any] = {}
        for parent, values in parts.items():
            self.parts[lineage][parent] = [(*parent, number) for number in range(len(values))]
            made |= zip(self.parts[lineage][parent], values, strict=True)
        self.indices[lineage] = list(made)
        return made


def _selectors(decision: Any) -> set[str]:
    context = getattr(decision, "context", None)
    if not context:
        return set()
    return {context} if isinstance(context, str) else set(map(str, context))
