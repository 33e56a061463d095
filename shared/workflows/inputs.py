"""The inputs of a run: checked, brought to one batch size, and read by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from shared.errors import InvalidRequest
from shared.workflows import errors, kinds
from shared.workflows.batch import Index
from shared.workflows.data import RunData
from shared.workflows.definition import ImageInput, ParameterInput, VideoMetadataInput, WorkflowInput
from shared.workflows.deserialise import image, read
from shared.workflows.errors import BlockError
from shared.workflows.plan import ROOT, Plan, input_lineage
from shared.workflows.selectors import Ref


def assemble(plan: Plan, given: Mapping[str, Any], max_pixels: int) -> RunData:
    """The run's data before any step. Raises RuntimeInputError that names the input."""
    data = RunData(plan)
    size = batch_size(plan, given)
    data.indices[ROOT] = [(i,) for i in range(size)]
    data.parts[ROOT][()] = list(data.indices[ROOT])
    for name, item in plan.inputs.items():
        if isinstance(item, ParameterInput):
            data.inputs[name] = _parameter(item, given)
        else:
            data.inputs[name] = _batch(data, item, given[name], size, max_pixels)
    _check_parameters(plan, data)
    return data


def batch_size(plan: Plan, given: Mapping[str, Any]) -> int:
    """Elements of the run: the length of the first list that is longer than one."""
    sizes: dict[str, int] = {}
    for name, item in plan.inputs.items():
        if isinstance(item, ParameterInput):
            continue
        if given.get(name) is None:
            raise _wrong(item, "is missing")
        if isinstance(given[name], (list, tuple)) and len(given[name]) != 1:
            sizes[name] = len(given[name])
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise errors.RuntimeInputError(f"Batches must have one size: {told}.", errors.RUN_INPUTS)
    return next(iter(sizes.values()), 1)


def _parameter(item: ParameterInput, given: Mapping[str, Any]) -> Any:
    if item.name not in given:
        return item.default_value
    value = given[item.name]
    return value if value is None else _read(item, value, item.name)


def _batch(data: RunData, item: WorkflowInput, value: Any, size: int, max_pixels: int) -> dict[Index, Any]:
    is_list = isinstance(value, (list, tuple))
    values = list(value) if is_list else [value]
    if len(values) == 1 < size:
        values = values * size
    lineage = input_lineage(item)
    found: dict[Index, Any] = {}
    for i, one in enumerate(values):
        for index, leaf in _leaves(item, one, (i,)):
            where = f"{item.name}.[{']['.join(map(str, index))}]" if is_list else item.name
            if len(index) > 1:
                _register(data, lineage, index)
            if leaf is not None:
                found[index] = _image(item, leaf, where, max_pixels) if _is_image(item) else _read(item, leaf, where)
    for depth in range(2, len(lineage) + 1):  # elements without any parts are parents all the same
        for parent in data.indices[lineage[: depth - 1]]:
            data.parts[lineage[:depth]].setdefault(parent, [])
    return found


def _leaves(item: WorkflowInput, value: Any, index: Index) -> Iterator[tuple[Index, Any]]:
    if len(index) == item.dimensionality:
        yield index, value
        return
    if not isinstance(value, (list, tuple)):
        raise _wrong(item, f"must be lists nested {item.dimensionality} deep")
    for number, part in enumerate(value):
        yield from _leaves(item, part, (*index, number))


def _register(data: RunData, lineage: Sequence[str], index: Index) -> None:
    for depth in range(2, len(index) + 1):
        level, part = tuple(lineage[:depth]), index[:depth]
        siblings = data.parts[level].setdefault(part[:-1], [])
        if part not in siblings:
            siblings.append(part)
            data.indices[level].append(part)


def _is_image(item: WorkflowInput) -> bool:
    return isinstance(item, ImageInput) or kinds.IMAGE in item.kind


def _image(item: WorkflowInput, value: Any, where: str, max_pixels: int) -> Any:
    try:
        return image(value, where, max_pixels)
    except InvalidRequest as error:
        raise _wrong(item, error.message, error) from error
    except (TypeError, ValueError, KeyError) as error:
        raise _wrong(item, "is no image description", error) from error


def _read(item: WorkflowInput, value: Any, where: str) -> Any:
    names = [kinds.VIDEO_METADATA] if isinstance(item, VideoMetadataInput) else item.kind
    try:
        return read(value, names, where)
    except InvalidRequest as error:
        raise _wrong(item, error.message, error) from error


def _check_parameters(plan: Plan, data: RunData) -> None:
    """Parameters must be what the fields that they fill accept as literals, where those accept any."""
    for step in plan.steps.values():
        for field, filled in step.params.items():
            if not isinstance(filled, Ref) or not filled.is_input or plan.lineage_of(filled):
                continue
            if not step.block.spec.slots[field]["self"].literal:
                continue
            try:
                checked = step.manifest.model_copy()
                type(step.manifest).__pydantic_validator__.validate_assignment(checked, field, data.inputs[filled.name])
            except ValidationError as error:
                reasons = "; or ".join(dict.fromkeys(one["msg"] for one in error.errors(include_url=False)))
                where = BlockError(step.name, step.manifest.type, field, reasons)
                message = f"Input {filled.name!r} does not fit {field} of step {step.name!r}: {reasons}"
                raise errors.RuntimeInputError(message, errors.RUN_INPUTS, [where]) from error


def _wrong(item: WorkflowInput, why: str, inner: Exception | None = None) -> errors.RuntimeInputError:
    block = BlockError(f"$inputs.{item.name}", item.type, property_details=why)
    text = why if why.startswith(item.name) else f"Input {item.name!r} {why}."
    return errors.RuntimeInputError(text, errors.RUN_INPUTS, [block], inner)
