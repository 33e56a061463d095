"""From a definition to a plan: everything that can be wrong with it is found here, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.registry import DuplicateName, Registry
from shared.workflows import definition as written
from shared.workflows import errors, graph, inner, lineage, steps
from shared.workflows.catalog import Catalog, core, unique
from shared.workflows.definition import Raw, WorkflowOutput
from shared.workflows.errors import BlockError
from shared.workflows.inner import Inlined, Resolve, not_saved
from shared.workflows.plan import OutputPlan, Plan
from shared.workflows.python import blocks as python
from shared.workflows.selectors import Ref, parse
from shared.workflows.settings import WorkflowSettings

OUTPUTS = "$outputs"


def compile_workflow(raw: Raw, catalog: Catalog | None = None, resolve: Resolve = not_saved) -> Plan:
    """Compile a definition. ``resolve`` finds saved workflows that it uses as inner ones.

    Raises:
        DefinitionError: of the class that says what is wrong, with the blocks to blame.
    """
    catalog = catalog or core()
    checked = written.parse(raw)
    flat = inner.inline({"steps": checked.steps}, resolve)
    catalog = with_python(catalog, [*(raw.get("dynamic_blocks_definitions") or []), *flat.python])
    plan = Plan({item.name: item for item in checked.inputs}, steps.parse(flat.steps, catalog), [], flat.groups)
    graph.connect(plan)
    lineage.annotate(plan)
    plan.outputs = [_output(plan, flat, output) for output in checked.outputs]
    return plan


def with_python(catalog: Catalog, definitions: Sequence[Any]) -> Catalog:
    """The catalog with the Python blocks that a definition brings. Raises DynamicBlockError."""
    if not definitions:
        return catalog
    extended: Catalog = Registry("workflow block")
    for block in [*unique(catalog), *python.blocks(definitions, WorkflowSettings())]:
        for name in block.ids:
            try:
                extended.add(name, block, block.__module__)
            except DuplicateName as error:
                message = f"There is a block {name!r} already; call the Python block something else."
                raise errors.DynamicBlockError(message, errors.DYNAMIC_BLOCKS, inner=error) from error
    return extended


def _output(plan: Plan, flat: Inlined, output: WorkflowOutput) -> OutputPlan:
    ref = parse(output.selector)
    if ref is not None and ref.name in flat.groups and not ref.is_input:
        return _of_inner(plan, flat, output, ref)
    if ref is None:
        raise _nowhere(output, "selector must point at an input or a step's output")
    return OutputPlan(output, *_source(plan, output, ref))


def _of_inner(plan: Plan, flat: Inlined, output: WorkflowOutput, ref: Ref) -> OutputPlan:
    """An output of an inner workflow, or all of them."""
    if ref.output == "*":
        found = {name: parse(value) for name, value in flat.all_outputs(ref.name).items()}
        parts = {name: part for name, part in found.items() if part is not None}
        lineages = [_source(plan, output, part)[1] for part in parts.values()]
        return OutputPlan(output, parts, max(lineages, key=len, default=()))
    target = parse(flat.selector(output.selector))
    if target is None:
        raise _nowhere(output, "points at an inner workflow's output that is a constant")
    return OutputPlan(output, *_source(plan, output, target))


def _source(plan: Plan, output: WorkflowOutput, ref: Ref) -> tuple[Any, Any]:
    if ref.name not in (plan.inputs if ref.is_input else plan.steps):
        raise _nowhere(output, f"points at {ref}, which does not exist")
    try:
        graph.kinds_of(plan, ref)
    except KeyError as error:
        raise _nowhere(output, f"points at {ref}, and that step has no such output") from error
    if ref.output == "*":
        step = plan.steps[ref.name]
        names = step.block.actual_outputs(step.manifest)
        return {name: Ref(ref.name, name) for name in names}, step.output_lineage
    return ref, plan.lineage_of(ref)


def _nowhere(output: WorkflowOutput, why: str) -> errors.InvalidReferenceTargetError:
    block = BlockError(OUTPUTS, output.type, output.name, f"The output {why}.")
    return errors.InvalidReferenceTargetError(f"Output {output.name!r} {why}.", graph.REFERENCES, [block])
