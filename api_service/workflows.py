"""Workflow requests as jobs: this process knows no blocks. Whatever a route asks for, a worker answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from api_service import catalog, fetching, jobs, trace
from api_service.context import BACKEND, SETTINGS, WORKFLOWS, call_of
from api_service.images import at_index, check_count, load
from api_service.inference import failure_of, note_timings
from api_service.schemas.base import ImageReference
from api_service.schemas.batches import BatchWorkflow
from api_service.schemas.workflows import RunOptions, WorkflowRun
from shared import keys
from shared.errors import InvalidImage, InvalidRequest, NotFound, NoWorkerForHardware, VisionfleetError
from shared.jobs import Job
from shared.workflows.store import LOCAL

IMAGE = "$image"
"""``{"$image": 2}`` in the inputs of a job stands for its third file."""
IMAGE_TYPES = ("WorkflowImage", "InferenceImage")


async def ask(request: web.Request, do: str, **params: Any) -> dict[str, Any]:
    """Have a worker do something about workflows, and wait. Raises WorkflowError, and what the queue raises."""
    return await answer_of(request, job_of(request, do, params))


async def run(request: web.Request, specification: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """Run a definition and wait for its outputs."""
    await fetching.find_models_of(request, specification, options.inputs)
    params = run_params(options.excluded_fields, options.enable_profiling, options.disable_sinks)
    job = job_of(request, "run", params | {"specification": specification})
    job.params["inputs"] = await take_images(request, specification, options.inputs, job.inputs)
    fleet = await catalog.fleet_of(request)
    used = {found.id for name in fetching.model_ids(specification, options.inputs) if (found := fleet.resolve(name))}
    if used:
        call_of(request).headers["X-Model-Id"] = ",".join(sorted(used))
    answer = await answer_of(request, job)
    return {"profiler_trace": [], **answer}


async def job_of_run(request: web.Request, wanted: WorkflowRun) -> Job:
    """The asynchronous job of a run; lane and time are the caller's to set."""
    specification: Mapping[str, Any] = wanted.specification or {}
    if wanted.id is not None:
        specification = await saved(request, LOCAL, wanted.id, wanted.version)
    await fetching.find_models_of(request, specification, wanted.inputs)
    params = run_params(wanted.excluded_fields, wanted.enable_profiling, wanted.disable_sinks)
    job = job_of(request, "run", params | {"specification": specification})
    job.params["inputs"] = await take_images(request, specification, wanted.inputs, job.inputs)
    return job


async def batch_params(request: web.Request, wanted: BatchWorkflow, *, check: bool) -> dict[str, Any]:
    """What each job of a batch is told; its image is the job's only file.

    Raises InvalidRequest, WorkflowNotFound, and with ``check`` what is wrong with the definition.
    """
    if wanted.image is not None and wanted.image in wanted.inputs:
        raise InvalidRequest(f"The batch's images are the input {wanted.image!r}; `workflow.inputs` may not have it.")
    specification: Mapping[str, Any] = wanted.specification or {}
    if wanted.id is not None:
        specification = await saved(request, LOCAL, wanted.id, wanted.version)
    names = image_inputs(specification)
    free = [name for name in names if name not in wanted.inputs]
    if wanted.image is None and len(free) != 1:
        raise InvalidRequest(
            f"The workflow has {len(free)} image inputs; say in `workflow.image` which takes the batch's."
        )
    image = wanted.image or free[0]
    if image not in names or set(free) - {image}:
        raise InvalidRequest(
            f"A batch gives a workflow one image each; its image inputs are: {', '.join(names) or 'none'}."
        )
    if set(names) & set(wanted.inputs):
        raise InvalidRequest("A batch's workflow has no other images than the batch's.")
    params = run_params(wanted.excluded_fields, wanted.enable_profiling, wanted.disable_sinks)
    params |= {"specification": specification, "inputs": {**wanted.inputs, image: {IMAGE: 0}}}
    if check:
        await ask(request, "validate", specification=specification)
    return job_of(request, "run", params).params


def job_of(request: web.Request, do: str, params: Mapping[str, Any]) -> Job:
    """A job for the workflow engine, with what the caller may use."""
    caller = call_of(request).caller
    rights = jobs.rights_of(request)
    return Job(
        model=keys.WORKFLOW_QUEUE,
        kind="workflow",
        params={**params, "do": do, "models": list(rights.models), "owner": rights.sees},
        timeout_ms=int(request.app[SETTINGS].request_timeout_s * 1000),
        trace=trace.of(request),
        owner=caller.owner,
        key=caller.key_id,
    )


def run_params(excluded: list[str] | None, profiling: bool, no_sinks: bool) -> dict[str, Any]:
    """What a run is told beside its inputs."""
    return {"excluded_fields": excluded or [], "enable_profiling": profiling, "disable_sinks": no_sinks}


async def answer_of(request: web.Request, job: Job) -> dict[str, Any]:
    """Run a job now. Raises what it raised."""
    await check_workers(request, job.hardware)
    (result,) = await request.app[BACKEND].jobs.call([job])
    note_timings(request, [result])
    failure = failure_of(result)
    if failure is not None:
        raise failure
    output: dict[str, Any] = result.outputs[0]["output"]
    return output


async def check_workers(request: web.Request, hardware: str) -> None:
    """Raises NoWorkerForHardware when nobody would take the job."""
    fleet = await catalog.fleet_of(request)
    if not fleet.serves(hardware):
        raise NoWorkerForHardware("No worker is running that could run workflows; start one and try again.")


async def saved(request: web.Request, workspace: str, workflow_id: str, version: str | None) -> dict[str, Any]:
    """A saved definition. Raises WorkflowNotFound."""
    if workspace != LOCAL:
        raise NotFound(f"There is no workspace {workspace!r} here; saved workflows are in the workspace 'local'.")
    found = await request.app[WORKFLOWS].get(workflow_id, version, jobs.owner_to_list(request))
    return found.definition


async def take_images(
    request: web.Request, specification: Mapping[str, Any], inputs: Mapping[str, Any], files: list[bytes]
) -> dict[str, Any]:
    """The inputs with their images moved into ``files``. Raises InvalidImage, TooLarge."""
    names = set(image_inputs(specification))
    taken: dict[str, Any] = {}
    for name, value in inputs.items():
        taken[name] = await _take(request, value, files) if name in names else value
    return taken


def image_inputs(specification: Mapping[str, Any]) -> list[str]:
    """Names of the inputs that are images; whatever is malformed is the workflow engine's to report."""
    inputs = specification.get("inputs")
    found = [item for item in inputs if isinstance(item, dict)] if isinstance(inputs, list) else []
    return [str(item.get("name")) for item in found if item.get("type") in IMAGE_TYPES or _is_image(item.get("kind"))]


def _is_image(kind: Any) -> bool:
    names = [item.get("name") if isinstance(item, dict) else item for item in kind] if isinstance(kind, list) else []
    return names == ["image"]


async def _take(request: web.Request, value: Any, files: list[bytes]) -> Any:
    if isinstance(value, list):
        return [await _take(request, item, files) for item in value]
    if value is None:
        return None
    described = dict(value) if isinstance(value, Mapping) else {"value": value}
    content = described.pop("value", None)
    if not isinstance(content, (str, bytes)):
        raise InvalidImage(f"Image {len(files)} of the inputs has no value; give base64 or a URL.")
    check_count(request, len(files) + 1)
    try:
        files.append(await load(request, ImageReference(type=_type_of(content), value=content)))
    except VisionfleetError as error:
        raise at_index(error, len(files)) from error
    return {**described, IMAGE: len(files) - 1}


def _type_of(content: str | bytes) -> str:
    if isinstance(content, bytes):
        return "bytes"
    return "url" if content.startswith(("http://", "https://")) else "base64"
