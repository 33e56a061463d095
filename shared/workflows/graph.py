"""Connections between steps: that they lead somewhere, fit in kind, and go round in no circle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import networkx as nx

from shared.workflows import errors, kinds
from shared.workflows.errors import BlockError
from shared.workflows.fields import Place
from shared.workflows.plan import Control, Plan, StepPlan
from shared.workflows.selectors import Ref, refs, step_name

REFERENCES = f"{errors.GRAPH} | collecting_references"


def connect(plan: Plan) -> None:
    """Check all references, note who controls whom, and put the steps in order. Raises DefinitionError."""
    for step in plan.steps.values():
        for field, place, ref in step_refs(step):
            _check_target(plan, step, field, ref)
            _check_kinds(plan, step, (field, place), ref)
    for step in plan.steps.values():
        _note_control(plan, step)
    for step in plan.steps.values():
        before = {ref.name for _, _, ref in step_refs(step) if not ref.is_input}
        step.needs = frozenset(before | {control.source for control in step.controls})
    _order(plan)


def step_refs(step: StepPlan) -> Iterator[tuple[str, Place, Ref]]:
    """Each Ref of a step with its field and place."""
    for field, filled in step.params.items():
        for place, ref in refs(filled):
            yield field, place, ref


def kinds_of(plan: Plan, ref: Ref) -> tuple[str, ...]:
    """What an input or an output is. Raises KeyError when a step does not have that output."""
    if ref.is_input:
        return tuple(plan.inputs[ref.name].kind)
    step = plan.steps[ref.name]
    outputs = step.block.actual_outputs(step.manifest)
    if ref.output == "*":
        return (kinds.DICTIONARY,)
    if ref.output not in outputs and "*" in outputs:
        return (kinds.ANY,)
    return outputs[str(ref.output)]


def _check_target(plan: Plan, step: StepPlan, field: str, ref: Ref) -> None:
    where = [BlockError(step.name, step.manifest.type, field, f"{ref} does not exist.")]
    if ref.name not in (plan.inputs if ref.is_input else plan.steps):
        message = f"Step {step.name!r}: {field} points at {ref}, which does not exist."
        raise errors.InvalidReferenceTargetError(message, REFERENCES, where)
    if ref.output == "*":
        message = f"Step {step.name!r}: {field} points at all outputs of a step; only the workflow's outputs may."
        raise errors.InvalidReferenceTargetError(message, REFERENCES, where)
    if ref.name == step.name and not ref.is_input:
        raise errors.ExecutionGraphStructureError(f"Step {step.name!r} points at itself.", errors.GRAPH, where)
    try:
        kinds_of(plan, ref)
    except KeyError as error:
        there = ", ".join(plan.steps[ref.name].block.outputs) or "none"
        message = f"Step {step.name!r}: {field} points at {ref}, but the outputs of that step are: {there}."
        raise errors.ExecutionGraphStructureError(message, REFERENCES, where) from error


def _check_kinds(plan: Plan, step: StepPlan, at: tuple[str, Place], ref: Ref) -> None:
    field, place = at
    given, taken = kinds_of(plan, ref), step.block.spec.slots[field][place].kinds
    if not kinds.fit(given, taken):
        message = f"Step {step.name!r}: {field} takes {', '.join(taken)}; {ref} is {', '.join(given)}."
        block = BlockError(step.name, step.manifest.type, field, f"It takes {', '.join(taken)}.")
        raise errors.ReferenceTypeError(message, errors.GRAPH, [block])


def _note_control(plan: Plan, step: StepPlan) -> None:
    targets: list[str] = []
    for branch, selector in branches(step):
        names = targets_of(plan, selector)
        block = BlockError(step.name, step.manifest.type, branch.partition("[")[0], f"{selector} is no step.")
        if not names:
            message = f"Step {step.name!r} goes on with {selector}, which does not exist."
            raise errors.InvalidReferenceTargetError(message, REFERENCES, [block])
        for name in names:
            if name == step.name:
                raise errors.ExecutionGraphStructureError(f"Step {name!r} goes on with itself.", errors.GRAPH, [block])
            plan.steps[name].controls.append(Control(step.name, branch, selector, ()))
        targets += names
    twice = [name for name, count in Counter(targets).items() if count > 1]
    if twice:
        block = BlockError(step.name, step.manifest.type, None, f"{twice[0]!r} is named more than once.")
        message = f"Step {step.name!r} names {twice[0]!r} as a next step more than once."
        raise errors.ExecutionGraphStructureError(message, errors.GRAPH, [block])


def branches(step: StepPlan) -> Iterator[tuple[str, str]]:
    """Branch and selector of each step that a flow-control step names.

    All of a list are one branch; each key of a dictionary is a branch of its own.
    """
    for field in step.block.spec.controls:
        value = getattr(step.manifest, field)
        if isinstance(value, dict):
            yield from ((f"{field}[{key}]", str(selector)) for key, selector in value.items())
        elif value is not None:
            yield from ((field, str(selector)) for selector in ([value] if isinstance(value, str) else value))


def targets_of(plan: Plan, selector: str) -> list[str]:
    """The steps that a selector names: several when it is an inner workflow, none when it is nothing."""
    name = step_name(selector)
    if name is None:
        return []
    return [name] if name in plan.steps else list(plan.groups.get(name, ()))


def _order(plan: Plan) -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from(plan.steps)
    graph.add_edges_from((before, name) for name, step in plan.steps.items() for before in sorted(step.needs))
    try:
        order = list(nx.lexicographical_topological_sort(graph, list(plan.steps).index))
    except nx.NetworkXUnfeasible as error:
        circle = [edge[0] for edge in nx.find_cycle(graph)]
        blocks = [BlockError(name, plan.steps[name].manifest.type) for name in circle]
        message = f"These steps wait for each other: {' -> '.join([*circle, circle[0]])}."
        raise errors.ExecutionGraphStructureError(message, errors.GRAPH, blocks) from error
    plan.steps = {name: plan.steps[name] for name in order}
