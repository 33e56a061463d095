"""What a job of kind ``workflow`` may ask for: ``params["do"]``, with its parameters beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeAlias

from shared.errors import InvalidRequest
from shared.workflows import describe, plugins
from shared.workflows.catalog import ENGINE_VERSION, Catalog
from shared.workflows.compiler import compile_workflow, with_python
from shared.workflows.definition import Raw, load
from shared.workflows.executor import Executor, nothing
from shared.workflows.inner import Resolve
from shared.workflows.plan import Plan
from shared.workflows.services import Services
from shared.workflows.session import Session

CACHED_PLANS = 256
IMAGE = "$image"
"""``{"$image": 2, ...}`` in the inputs stands for the third file of the job."""


@dataclass
class Surroundings:
    """What a run needs beyond the job: services for its blocks, and who may end it. ``timings`` is filled in."""

    services: Services
    resolve: Resolve
    executor: Executor
    init_values: Mapping[str, Any] = field(default_factory=dict)
    proceed: Callable[[], None] = nothing
    timings: dict[str, float] = field(default_factory=dict)


Operation: TypeAlias = Callable[[Mapping[str, Any], Sequence[bytes], Surroundings], dict[str, Any]]


def do(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """Run the operation that the job asks for. Raises what is wrong with it."""
    name = str(params.get("do", "run"))
    if name not in OPERATIONS:
        raise InvalidRequest(f"A workflow job does one of {', '.join(OPERATIONS)}, not {name!r}.")
    return OPERATIONS[name](params, images, around)


def run(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """Compile, or take a plan from the cache, and run it once."""
    plan = planned(params, around)
    around.services.disable_sinks = bool(params.get("disable_sinks"))
    inputs = with_images(params.get("inputs") or {}, images)
    with Session(plan, around.services, around.init_values, around.executor) as session:
        without = tuple(params.get("excluded_fields") or ())
        result = session.run(inputs, serialised=True, without=without, proceed=around.proceed)
    around.timings |= {f"step:{name}_ms": ms for name, ms in result.trace.step_timings().items()}
    answer: dict[str, Any] = {"outputs": result.outputs}
    if params.get("enable_profiling"):
        answer["profiler_trace"] = result.trace.events()
    return answer


def validate(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """Compile, and say nothing but that it can be."""
    del images
    planned(params, around)
    return {"status": "ok"}


def interface(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """Kinds of a definition's inputs and outputs."""
    del images
    return describe.interface(planned(params, around))


def blocks(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """All blocks, and the Python blocks that came with the question."""
    del images, around
    catalog = with_python(plugins.catalog(), params.get("dynamic_blocks_definitions") or [])
    return describe.blocks(catalog, params.get("execution_engine_version"))


def schema(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """JSON schema of definitions."""
    del params, images, around
    return {"schema": describe.definition_schema(plugins.catalog())}


def outputs(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """The outputs of one step."""
    del images, around
    return {"outputs": describe.dynamic_outputs(dict(params.get("step") or {}), plugins.catalog())}


def versions(params: Mapping[str, Any], images: Sequence[bytes], around: Surroundings) -> dict[str, Any]:
    """Versions of the language that are understood."""
    del params, images, around
    return {"versions": [ENGINE_VERSION]}


OPERATIONS: dict[str, Operation] = {
    "run": run,
    "validate": validate,
    "describe_interface": interface,
    "describe_blocks": blocks,
    "schema": schema,
    "dynamic_outputs": outputs,
    "versions": versions,
}


def planned(params: Mapping[str, Any], around: Surroundings) -> Plan:
    """The plan of the job's definition. Raises DefinitionError."""
    given = params.get("specification")
    raw: Raw = load(given) if isinstance(given, str | bytes) else dict(given or {})
    text = json.dumps(raw, sort_keys=True, default=str)
    if '"workflow_id"' in text:  # may mean another definition tomorrow
        return compile_workflow(raw, plugins.catalog(), around.resolve)
    return _cached(sha256(text.encode()).hexdigest(), text)


@lru_cache(maxsize=CACHED_PLANS)
def _cached(digest: str, text: str) -> Plan:
    del digest
    return compile_workflow(json.loads(text), _catalog())


def _catalog() -> Catalog:
    return plugins.catalog()


def with_images(value: Any, images: Sequence[bytes]) -> Any:
    """Inputs with the job's files in their places."""
    if isinstance(value, Mapping):
        if IMAGE in value:
            number = value[IMAGE]
            if not isinstance(number, int) or not 0 <= number < len(images):
                raise InvalidRequest("The inputs name an image that the job does not have.")
            rest = {name: item for name, item in value.items() if name != IMAGE}
            return {**rest, "value": images[number]}
        return {name: with_images(item, images) for name, item in value.items()}
    return [with_images(item, images) for item in value] if isinstance(value, list) else value
