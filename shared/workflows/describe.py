"""What the describe routes tell: blocks, kinds, what fits where, and the interface of a definition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from shared.workflows import errors, graph, kinds
from shared.workflows.block import Block
from shared.workflows.catalog import Catalog, unique
from shared.workflows.definition import Raw, WorkflowInput, WorkflowOutput
from shared.workflows.fields import Slot
from shared.workflows.plan import Plan
from shared.workflows.python import blocks as python
from shared.workflows.selectors import Ref
from shared.workflows.uql.describe import query_language

CORE = "workflows_core"
DYNAMIC = "dynamic_workflows_blocks"


def blocks(catalog: Catalog, version: str | None = None) -> dict[str, Any]:
    """Everything about the blocks that fit a version of the language. Raises WorkflowDefinitionError for a bad one."""
    chosen = [block for block in unique(catalog) if version is None or _fits(block, version)]
    return {
        "blocks": [block_details(block) for block in chosen],
        "declared_kinds": [kind.to_dict() for kind in kinds.every()],
        "kinds_connections": _kinds_connections(chosen),
        "primitives_connections": list(_primitives(chosen)),
        "universal_query_language_description": query_language(),
        "dynamic_block_definition_schema": python.Definition.model_json_schema(),
    }


def block_details(block: type[Block]) -> dict[str, Any]:
    """One block as the wire has it."""
    return {
        "manifest_class": f"{block.__module__}.{block.__name__}.Fields",
        "block_class": f"{block.__module__}.{block.__name__}",
        "block_schema": schema(block),
        "outputs_manifest": outputs(block.outputs),
        "block_source": _source(block),
        "fully_qualified_block_class_name": f"{block.__module__}.{block.__name__}",
        "human_friendly_block_name": block.label,
        "manifest_type_identifier": block.ids[0],
        "manifest_type_identifier_aliases": list(block.ids[1:]),
        "execution_engine_compatibility": block.engine,
        "restrictions": [vars(restriction) for restriction in block.restrictions],
        "input_dimensionality_offsets": dict(block.input_offsets),
        "dimensionality_reference_property": block.reference,
        "output_dimensionality_offset": block.output_offset,
    }


def _source(block: type[Block]) -> str:
    if issubclass(block, python.PythonBlock):
        return DYNAMIC
    return CORE if block.__module__.startswith("shared.workflows.") else block.__module__.split(".")[0]


def schema(block: type[Block]) -> dict[str, Any]:
    """JSON schema of one step."""
    made = block.spec.manifest.model_json_schema()
    return {
        **made,
        "name": block.label,
        "short_description": block.summary,
        "long_description": block.__doc__ or block.summary,
        "license": block.license,
        "block_type": block.category,
        "deprecated": block.deprecated,
    }


def outputs(found: Any) -> list[dict[str, Any]]:
    """Outputs with the whole of their kinds."""
    return [{"name": name, "kind": [kinds.describe(kind) for kind in names]} for name, names in found.items()]


def definition_schema(catalog: Catalog) -> dict[str, Any]:
    """JSON schema of a whole definition."""
    steps = [schema(block) for block in unique(catalog)]
    defs: dict[str, Any] = {}
    for step in steps:
        defs |= step.pop("$defs", {})
    inputs = {"type": "array", "items": {"type": "object", "required": ["type", "name"]}}
    return {
        "title": "WorkflowSpecificationV1",
        "type": "object",
        "required": ["version", "inputs", "steps", "outputs"],
        "properties": {
            "version": {"type": "string"},
            "inputs": inputs,
            "steps": {"type": "array", "items": {"oneOf": steps}},
            "outputs": {"type": "array", "items": WorkflowOutput.model_json_schema()},
        },
        "$defs": defs,
    }


def interface(plan: Plan) -> dict[str, Any]:
    """Kinds of inputs and outputs, and what kinds are in JSON."""
    inputs = {name: list(_input_kinds(item)) for name, item in plan.inputs.items()}
    found: dict[str, Any] = {}
    for output in plan.outputs:
        source = output.source
        found[output.output.name] = (
            list(graph.kinds_of(plan, source))
            if isinstance(source, Ref)
            else {name: list(graph.kinds_of(plan, ref)) for name, ref in source.items()}
        )
    used = {name for names in [*inputs.values(), *found.values()] for name in _flat(names)}
    described = {name: kinds.describe(name) for name in sorted(used)}
    return {
        "inputs": inputs,
        "outputs": found,
        "typing_hints": {name: one["serialised_data_type"] for name, one in described.items()},
        "kinds_schemas": {name: kinds.schema(name) for name in described},
    }


def dynamic_outputs(step: Raw, catalog: Catalog) -> list[dict[str, Any]]:
    """The outputs of one step as it is configured. Raises WorkflowSyntaxError."""
    try:
        block = catalog.get(str(step.get("type")))
        manifest = block.spec.manifest.model_validate(block.spec.renamed({"name": "step", **step}))
    except (KeyError, ValueError) as error:
        message = f"The step is not as its block needs it: {error}"
        raise errors.WorkflowSyntaxError(message, errors.PARSING, inner=error) from error
    return outputs(block.actual_outputs(manifest))


def _fits(block: type[Block], version: str) -> bool:
    try:
        return SpecifierSet(block.engine).contains(Version(version))
    except InvalidVersion as error:
        message = f"{version!r} is no version of the execution engine."
        raise errors.WorkflowDefinitionError(message, errors.LOADING, inner=error) from error


def _input_kinds(item: WorkflowInput) -> list[str]:
    return list(item.kind)


def _flat(names: Any) -> list[str]:
    return [name for part in names.values() for name in part] if isinstance(names, dict) else list(names)


def _slots(chosen: list[type[Block]]) -> Iterator[tuple[type[Block], str, Slot]]:
    for block in chosen:
        for name, places in block.spec.slots.items():
            yield from ((block, name, slot) for slot in places.values())


def _kinds_connections(chosen: list[type[Block]]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for block, name, slot in _slots(chosen):
        for kind in () if slot.step else slot.kinds:
            found[kind].append(
                {
                    "manifest_type_identifier": block.ids[0],
                    "property_name": name,
                    "property_description": block.spec.manifest.model_fields[name].description or name,
                    "compatible_element": "any_data",
                    "is_list_element": slot.place == "item",
                    "is_dict_element": slot.place == "value",
                }
            )
    return dict(found)


def _primitives(chosen: list[type[Block]]) -> Iterator[dict[str, Any]]:
    for block, name, slot in _slots(chosen):
        if slot.literal:
            field = block.spec.manifest.model_fields[name]
            yield {
                "manifest_type_identifier": block.ids[0],
                "property_name": name,
                "property_description": field.description or name,
                "type_annotation": str(field.annotation).replace("typing.", ""),
            }
