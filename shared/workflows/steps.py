"""From a step as written to a step as its block understands it, and what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import ValidationError

from shared.workflows import errors
from shared.workflows.catalog import Catalog
from shared.workflows.definition import Raw
from shared.workflows.errors import BlockError
from shared.workflows.plan import StepPlan
from shared.workflows.selectors import template


def parse(steps: Sequence[Raw], catalog: Catalog) -> dict[str, StepPlan]:
    """Steps by name, without their place in the graph. Raises WorkflowSyntaxError that lists all that is wrong."""
    plans: dict[str, StepPlan] = {}
    wrong: list[BlockError] = []
    for number, step in enumerate(steps):
        found = _step(step, number, catalog)
        if isinstance(found, StepPlan):
            plans[found.name] = found
        else:
            wrong += found
    if wrong:
        first = wrong[0]
        place = f" ({first.property_name})" if first.property_name else ""
        message = f"Step {first.block_id!r}{place}: {first.block_details or first.property_details}"
        raise errors.WorkflowSyntaxError(message, errors.PARSING, wrong)
    return plans


def _step(step: Raw, number: int, catalog: Catalog) -> StepPlan | list[BlockError]:
    name, kind = str(step.get("name") or f"#{number}"), step.get("type")
    try:
        block = catalog.get(str(kind))
    except KeyError:
        return [BlockError(name, str(kind), block_details=unknown(str(kind), catalog))]
    spec = block.spec
    values = spec.renamed(step)
    try:
        manifest = spec.manifest.model_validate(values)
    except ValidationError as error:
        return _problems(name, str(kind), error)
    params = {field: template(getattr(manifest, field), set(places)) for field, places in spec.slots.items()}
    return StepPlan(manifest.name, block, manifest, params)


def unknown(kind: str, catalog: Catalog) -> str:
    """What to say about a type that there is not."""
    near = difflib.get_close_matches(kind, catalog.names(), 1)
    return f"There is no block {kind!r} here." + (f" Did you mean {near[0]!r}?" if near else "")


def _problems(name: str, kind: str, error: ValidationError) -> list[BlockError]:
    """One entry per field: a union reports each of its members, which are put together."""
    by_field: dict[str, list[str]] = {}
    for one in error.errors(include_url=False, include_input=False):
        field = str(one["loc"][0]) if one["loc"] else "step"
        by_field.setdefault(field, []).append(one["msg"])
    return [
        BlockError(name, kind, field, "; or ".join(dict.fromkeys(messages))) for field, messages in by_field.items()
    ]
