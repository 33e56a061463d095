"""Workflows: run, check and describe definitions; save them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from visionfleet import wire
from visionfleet.api.models import listed as listed_models
from visionfleet.core import Core
from visionfleet.images import ImageInput, load, reference
from visionfleet.jobs import Job, JobOptions, read_job
from visionfleet.method import method
from visionfleet.steps import Flow


def run(
    core: Core,
    workflow: Mapping[str, Any] | str,
    images: Mapping[str, ImageInput | list[ImageInput]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    disable_sinks: bool = False,
    profile: bool = False,
) -> Flow[dict[str, Any]]:
    """Run a definition, or the saved workflow of that id: ``outputs`` has one object per image.

    ``profile`` adds ``profiler_trace``, which Chrome and Perfetto open. A run is not repeated when its answer is lost,
    because its sinks may have acted.
    """
    if images and core.packs is None:  # images are worth asking whether the server takes them as they are
        yield from listed_models(core)
    packed = bool(images and core.packs)
    inputs: dict[str, Any] = {name: _images(given, packed) for name, given in (images or {}).items()}
    body = {"inputs": {**inputs, **(parameters or {})}, "disable_sinks": disable_sinks, "enable_profiling": profile}
    path = "/workflows/run"
    if isinstance(workflow, str):
        path = f"/local/workflows/{quote(workflow, safe='')}"
    else:
        body["specification"] = dict(workflow)
    answer = yield from core.fetch(wire.post_call(path, body, packed=packed, repeatable=False))
    return answer


def submit(
    core: Core,
    workflow: Mapping[str, Any] | str,
    images: Mapping[str, ImageInput | list[ImageInput]] | None = None,
    parameters: Mapping[str, Any] | None = None,
    options: JobOptions | None = None,
    *,
    disable_sinks: bool = False,
) -> Flow[Job]:
    """Hand in a run as an asynchronous job and return at once; ``client.jobs`` waits for it, follows and cancels it.

    Its answer is a ``WorkflowOutputs``, ``job.outputs[0]``. Sent again after a broken connection it is still one run.
    """
    inputs: dict[str, Any] = {name: _images(given, packed=False) for name, given in (images or {}).items()}
    asked = chosen(workflow) | {"inputs": {**inputs, **(parameters or {})}, "disable_sinks": disable_sinks}
    terms = options or JobOptions()
    headers = {"Idempotency-Key": terms.idempotency_key or uuid.uuid4().hex}
    body = yield from core.fetch(
        wire.Call("POST", "/v1/jobs", headers=headers, json={"workflow": asked, **terms.to_dict()})
    )
    return read_job(body)


def chosen(workflow: Mapping[str, Any] | str) -> dict[str, Any]:
    """A definition, or the id of a saved workflow, as jobs and batches name it."""
    return {"id": workflow} if isinstance(workflow, str) else {"specification": dict(workflow)}


def validate(core: Core, definition: Mapping[str, Any]) -> Flow[None]:
    """Check a definition. Raises WorkflowError, which says what is wrong and where."""
    yield from core.send(wire.Call("POST", "/workflows/validate", json=dict(definition)))


def interface(core: Core, definition: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """Kinds of a definition's inputs and outputs."""
    body = {"specification": dict(definition)}
    answer = yield from core.fetch(wire.Call("POST", "/workflows/describe_interface", json=body))
    return answer


def blocks(core: Core) -> Flow[list[dict[str, Any]]]:
    """All blocks that the server has."""
    answer = yield from core.fetch(wire.Call("GET", "/workflows/blocks/describe"))
    found: list[dict[str, Any]] = answer["blocks"]
    return found


def save(core: Core, workflow_id: str, definition: Mapping[str, Any] | str, name: str = "") -> Flow[dict[str, Any]]:
    """Save the next version of a workflow; the definition may be YAML text."""
    body = {"name": name, "definition": definition if isinstance(definition, str) else dict(definition)}
    path = f"/v1/workflows/{quote(workflow_id, safe='')}"
    answer = yield from core.fetch(wire.Call("PUT", path, json=body, repeatable=False))
    return answer


def get(core: Core, workflow_id: str, version: int | None = None) -> Flow[dict[str, Any]]:
    """A saved workflow, in its newest version unless another is asked for."""
    path = f"/v1/workflows/{quote(workflow_id, safe='')}"
    query = {} if version is None else {"version": str(version)}
    answer = yield from core.fetch(wire.Call("GET", path, query=query))
    return answer


def listed(core: Core) -> Flow[list[dict[str, Any]]]:
    """All saved workflows."""
    answer = yield from core.fetch(wire.Call("GET", "/v1/workflows"))
    found: list[dict[str, Any]] = answer["workflows"]
    return found


def delete(core: Core, workflow_id: str) -> Flow[None]:
    """Delete a saved workflow in all its versions."""
    yield from core.send(wire.Call("DELETE", f"/v1/workflows/{quote(workflow_id, safe='')}"))


def _images(given: Any, packed: bool) -> Any:
    return [_images(one, packed) for one in given] if isinstance(given, list) else reference(load(given), packed=packed)


class Workflows:
    """Reached as ``client.workflows``."""

    run = method(run)
    submit = method(submit)
    validate = method(validate)
    interface = method(interface)
    blocks = method(blocks)
    save = method(save)
    get = method(get)
    list = method(listed)
    delete = method(delete)
