"""Which elements each step runs for, worked out from where its inputs come from.

Fields given batch data must come from one source and level; a block with ``input_offsets`` takes one field a level
deeper. A step that is given single values only runs once, unless flow control decides per element: then it runs for
those elements (a notification per image).
"""

from __future__ import annotations

from dataclasses import replace

from shared.workflows import errors
from shared.workflows.errors import BlockError
from shared.workflows.graph import step_refs
from shared.workflows.plan import Lineage, Plan, StepPlan

LINEAGE = f"{errors.GRAPH} | dimensionality_and_lineage"


def annotate(plan: Plan) -> None:
    """Fill in the lineages of all steps, which are in order. Raises DefinitionError."""
    for step in plan.steps.values():
        step.controls = [replace(control, lineage=plan.steps[control.source].lineage) for control in step.controls]
        given = _given(plan, step)
        _check_scalars(step, given)
        deeper = {field for field, offset in step.block.input_offsets.items() if offset and field in given}
        step.lineage = _common(step, given, deeper)
        step.offsets = frozenset(field for field in deeper if len(given[field]) == len(step.lineage) + 1)
        step.lineage = _controlled(step, has_data=bool(given))
        _set_output(step, has_data=bool(given))


def _given(plan: Plan, step: StepPlan) -> dict[str, Lineage]:
    """The lineage of each field that is given batch data."""
    given: dict[str, Lineage] = {}
    for field, _, ref in step_refs(step):
        lineage = plan.lineage_of(ref)
        if not lineage:
            continue
        if given.setdefault(field, lineage) != lineage:
            raise _mismatch(step, field, given[field], lineage)
    return given


def _check_scalars(step: StepPlan, given: dict[str, Lineage]) -> None:
    """Where a block says which fields take batches, the others do not."""
    block = step.block
    if not block.spec.takes_batches:
        return
    takes = {*block.batch, *block.batch_or_scalar, *block.auto_batch}
    for field in given:
        if field not in takes:
            message = f"Step {step.name!r}: {field} takes one value for the run, not one per element."
            where = BlockError(step.name, step.manifest.type, field, "It takes a parameter, not batch data.")
            raise errors.ExecutionGraphStructureError(message, LINEAGE, [where])


def _common(step: StepPlan, given: dict[str, Lineage], deeper: set[str]) -> Lineage:
    """The lineage that all fields share, but those of ``deeper``, which extend it by a level."""
    flat = {field: lineage for field, lineage in given.items() if field not in deeper}
    if not flat:
        return given[min(deeper)][:-1] if deeper else ()
    expected = flat[str(step.block.reference)] if step.block.reference in flat else next(iter(flat.values()))
    for field, lineage in flat.items():
        if lineage != expected:
            raise _mismatch(step, field, expected, lineage)
    for field in deeper:
        _check_deeper(step, field, expected, given[field])
    return expected


def _check_deeper(step: StepPlan, field: str, expected: Lineage, found: Lineage) -> None:
    level = len(expected) + 1
    if len(found) != level:
        message = f"Step {step.name!r}: {field} must be one level deeper than {step.block.reference}."
        raise errors.StepInputDimensionalityError(message, LINEAGE, [_where(step, field, level, len(found))])
    if found[:-1] != expected:
        raise _mismatch(step, field, expected, found[:-1])


def _controlled(step: StepPlan, *, has_data: bool) -> Lineage:
    """The lineage after flow control has had its say."""
    lineage = step.lineage
    for control in step.controls:
        longer, shorter = sorted((lineage, control.lineage), key=len, reverse=True)
        if longer[: len(shorter)] != shorter or (has_data and len(control.lineage) > len(lineage)):
            where = BlockError(step.name, step.manifest.type, None, f"It is controlled by {control.source!r}.")
            message = (
                f"Step {control.source!r} decides per element of {_words(control.lineage)}, which step {step.name!r} "
                f"does not have: it works on {_words(lineage)}."
            )
            raise errors.ControlFlowDefinitionError(message, LINEAGE, [where])
        lineage = longer
    return lineage


def _set_output(step: StepPlan, *, has_data: bool) -> None:
    block, offset = step.block, step.block.output_offset
    step.alone = not has_data and (block.spec.takes_batches or bool(block.auto_batch))
    if offset == 1:
        step.output_lineage = (*step.lineage, step.selector)
    elif offset == -1 and has_data:
        step.output_lineage = step.lineage[:-1]
    else:
        step.output_lineage = step.lineage


def _mismatch(step: StepPlan, field: str, expected: Lineage, found: Lineage) -> errors.DefinitionError:
    if len(expected) != len(found):
        message = (
            f"Step {step.name!r}: {field} is {_words(found)}, the other fields are {_words(expected)}; "
            "bring them to one level (dimension_collapse makes one list of a level)."
        )
        where = _where(step, field, len(expected), len(found))
        return errors.StepInputDimensionalityError(message, LINEAGE, [where])
    message = f"Step {step.name!r}: {field} is {_words(found)}, the other fields are {_words(expected)}."
    where = BlockError(step.name, step.manifest.type, field, "Its elements come from another source.")
    return errors.StepInputLineageError(message, LINEAGE, [where])


def _where(step: StepPlan, field: str, expected: int, found: int) -> BlockError:
    return BlockError(step.name, step.manifest.type, field, f"It should have {expected} levels and has {found}.")


def _words(lineage: Lineage) -> str:
    return f"one value per element of {' > '.join(lineage)}" if lineage else "one value for the run"
