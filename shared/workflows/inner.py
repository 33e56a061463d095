"""Inner workflows become steps of the outer one before anything is compiled.

Step ``crop`` of inner workflow ``check`` becomes ``check__crop``. What pointed at the inner workflow's outputs points
at the steps that make them, what the inner steps took from its inputs they take from ``parameter_bindings``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shared.workflows import definition as written
from shared.workflows import errors
from shared.workflows.definition import Raw
from shared.workflows.errors import BlockError
from shared.workflows.selectors import parse

INNER = "roboflow_core/inner_workflow@v1"
MAX_DEPTH = 4
MAX_COUNT = 32
SEPARATOR = "__"

Resolve: TypeAlias = Callable[[str, str, str | None], Raw]
"""A saved workflow's definition by workspace, id and version."""


def not_saved(workspace: str, workflow: str, version: str | None) -> Raw:
    """Where there is no store of workflows."""
    del version
    raise errors.InnerWorkflowError(f"There is no workflow {workspace}/{workflow} to be found here.", errors.INNER)


@dataclass
class Inlined:
    """The steps of all levels, and what replaces references to inner workflows.

    Attributes:
        outputs: (inner workflow's step name, output name) -> selector or literal.
        groups: steps that each inner workflow became, for flow control that names it.
        python: Python blocks that inner definitions brought.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[tuple[str, str], Any] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    python: list[Any] = field(default_factory=list)
    count: int = 0

    def selector(self, value: Any) -> Any:
        """A value, with a selector of an inner workflow's output replaced by what makes it."""
        ref = parse(value)
        if ref is None or ref.is_input or ref.name not in self.groups:
            return value
        if (ref.name, str(ref.output)) not in self.outputs:
            message = f"{value} points at an output that the inner workflow does not have."
            raise errors.InvalidReferenceTargetError(message, errors.INNER, [BlockError(ref.name, INNER)])
        return self.outputs[ref.name, str(ref.output)]

    def all_outputs(self, name: str) -> dict[str, Any]:
        """What ``$steps.name.*`` stands for, when it is an inner workflow."""
        return {output: value for (step, output), value in self.outputs.items() if step == name}


def inline(raw: Raw, resolve: Resolve = not_saved) -> Inlined:
    """Take all inner workflows apart. Raises InnerWorkflowError and what parsing their definitions raises."""
    made = Inlined()
    _level(list(raw.get("steps") or []), made, _Scope(resolve))
    made.steps = [_replaced(step, made.selector) for step in made.steps]
    return made


@dataclass(frozen=True)
class _Scope:
    resolve: Resolve
    prefix: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    trail: tuple[str, ...] = ()

    def name(self, step: str) -> str:
        return self.prefix + step

    def selector(self, value: Any) -> Any:
        """A selector of an inner definition as the outer one must write it."""
        if not self.prefix or not isinstance(value, str) or not value.startswith("$"):
            return value
        ref = parse(value)
        if ref is not None and ref.is_input:
            return self.inputs.get(ref.name, value)
        return f"$steps.{self.prefix}{value.removeprefix('$steps.')}" if value.startswith("$steps.") else value


def _level(steps: list[Any], made: Inlined, scope: _Scope) -> list[str]:
    names: list[str] = []
    for step in steps:
        if not isinstance(step, dict) or step.get("type") != INNER:
            named = {**step, "name": scope.name(str(step.get("name")))} if isinstance(step, dict) else step
            made.steps.append(_replaced(named, scope.selector))
            names.append(str(named.get("name")))
        else:
            names += _inner(step, made, scope)
    return names


def _inner(step: dict[str, Any], made: Inlined, scope: _Scope) -> list[str]:
    name = scope.name(str(step.get("name")))
    made.count += 1
    if len(scope.trail) >= MAX_DEPTH or made.count > MAX_COUNT:
        message = f"Inner workflows may be {MAX_DEPTH} deep and {MAX_COUNT} in all."
        raise errors.InnerWorkflowError(message, errors.INNER, [BlockError(name, INNER)])
    raw, identity = _definition_of(step, name, scope)
    if identity in scope.trail:
        message = f"The inner workflow {identity} contains itself."
        raise errors.InnerWorkflowError(message, errors.INNER, [BlockError(name, INNER)])
    child = written.parse(raw)
    made.python += list(raw.get("dynamic_blocks_definitions") or [])
    bound = {key: scope.selector(value) for key, value in dict(step.get("parameter_bindings") or {}).items()}
    inputs = _bind(name, child, bound)
    inside = _Scope(scope.resolve, name + SEPARATOR, inputs, (*scope.trail, identity))
    names = _level(child.steps, made, inside)
    made.groups[name] = names
    for output in child.outputs:
        target = inside.selector(output.selector)
        ref = parse(target)
        if ref is not None and ref.output == "*":
            raise errors.InnerWorkflowError(
                f"Output {output.name!r} of the inner workflow is all outputs of a step; name one.",
                errors.INNER,
                [BlockError(name, INNER, output.name)],
            )
        made.outputs[name, output.name] = made.selector(target)
    return names


def _definition_of(step: dict[str, Any], name: str, scope: _Scope) -> tuple[Raw, str]:
    raw, workflow = step.get("workflow_definition"), step.get("workflow_id")
    workspace = step.get("workflow_workspace_id")
    if (raw is None) == (workflow is None) or (workflow is not None and workspace is None):
        message = "An inner workflow has either workflow_definition, or workflow_workspace_id and workflow_id."
        raise errors.InnerWorkflowError(message, errors.INNER, [BlockError(name, INNER)])
    if isinstance(raw, dict):
        return raw, f"step {name}"
    return scope.resolve(str(workspace), str(workflow), step.get("workflow_version_id")), f"{workspace}/{workflow}"


def _bind(name: str, child: written.Definition, bound: dict[str, Any]) -> dict[str, Any]:
    known = {item.name for item in child.inputs}
    extra = sorted(set(bound) - known)
    inputs = {
        item.name: item.default_value
        for item in child.inputs
        if isinstance(item, written.ParameterInput) and item.default_value is not None
    } | bound
    missing = sorted(known - set(inputs))
    if extra or missing:
        what = f"has no input {extra[0]!r}" if extra else f"needs its input {missing[0]!r} bound"
        block = BlockError(name, INNER, "parameter_bindings", f"The inner workflow {what}.")
        raise errors.InnerWorkflowError(f"Step {name!r}: the inner workflow {what}.", errors.INNER, [block])
    return inputs


def _replaced(value: Any, selector: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, selector) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, selector) for item in value]
    return selector(value)
