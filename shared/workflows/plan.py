"""A compiled definition: what the executor runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.workflows.block import Block
from shared.workflows.definition import WorkflowInput, WorkflowOutput
from shared.workflows.fields import StepFields
from shared.workflows.selectors import Ref, Template

Lineage: TypeAlias = tuple[str, ...]
"""Where elements come from, one entry per level: () is one value for the run, ("$inputs",) one per image,
("$inputs", "$steps.crop") one per crop. Values of one lineage have the same indices."""

ROOT: Lineage = ("$inputs",)


@dataclass(frozen=True)
class Control:
    """A flow-control step's say over another: which of its branches that one belongs to, and by which selector."""

    source: str
    branch: str
    selector: str
    lineage: Lineage


@dataclass
class StepPlan:
    """One step.

    Attributes:
        params: what each field is filled from.
        lineage: of the elements that it is run for; () runs it once.
        output_lineage: of what it answers.
        offsets: fields that are a level deeper than ``lineage``.
        needs: steps that end before it begins.
        alone: it takes batches, or collapses, and is given single values only: they are wrapped and unwrapped.
    """

    name: str
    block: type[Block]
    manifest: StepFields
    params: dict[str, Template]
    lineage: Lineage = ()
    output_lineage: Lineage = ()
    offsets: frozenset[str] = frozenset()
    controls: list[Control] = field(default_factory=list)
    needs: frozenset[str] = frozenset()
    alone: bool = False

    @property
    def selector(self) -> str:
        """``$steps.name``."""
        return f"$steps.{self.name}"


@dataclass
class OutputPlan:
    """One field of the result: a value, or several by name."""

    output: WorkflowOutput
    source: Ref | dict[str, Ref]
    lineage: Lineage


@dataclass
class Plan:
    """All of it. ``steps`` are in an order in which they can run one after the other."""

    inputs: dict[str, WorkflowInput]
    steps: dict[str, StepPlan]
    outputs: list[OutputPlan]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Steps that an inner workflow became."""

    def lineage_of(self, ref: Ref) -> Lineage:
        """Of an input or a step's output."""
        return input_lineage(self.inputs[ref.name]) if ref.is_input else self.steps[ref.name].output_lineage

    @property
    def has_sinks(self) -> bool:
        """Whether it acts on the world."""
        return any(step.block.sink for step in self.steps.values())


def input_lineage(item: WorkflowInput) -> Lineage:
    """Images share their first level with all other batches; further levels are an input's own."""
    levels = item.dimensionality
    return ROOT[:levels] + tuple(f"$inputs.{item.name}#{level}" for level in range(2, levels + 1))
