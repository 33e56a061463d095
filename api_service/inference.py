"""A synchronous request as jobs: one per image, all awaited together, one answer per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from api_service import catalog, fetching, trace
from api_service.context import BACKEND, METRICS, SETTINGS, call_of
from api_service.images import at_index
from shared.errors import DeadlineExceeded, ModelNotReady, VisionfleetError, from_dict
from shared.fleet.state import ModelInfo
from shared.ids import uuid_text
from shared.jobs import Job, JobResult, Media

STAGES = ("queue", "decode", "preprocess", "infer", "post")


@dataclass(frozen=True)
class Wanted:
    """What to run: a model that exists, where, and how."""

    model: ModelInfo
    hardware: str
    params: dict[str, Any]


async def plan(
    request: web.Request, model_id: str, tasks: frozenset[str] | None, hardware: str
) -> tuple[ModelInfo, str]:
    """The model and the hardware to queue under; refuses early what no worker could do.

    Raises InvalidModelId, ModelNotFound, UnsupportedTask, NoWorkerForHardware.
    """
    catalog.check_id(model_id)
    fleet, model = await fetching.find(request, model_id)
    if tasks is not None:
        catalog.check_task(model, tasks)
    placed = catalog.place(model, hardware)
    call = call_of(request)
    call.model_id = model.id
    call.cold_start = not model.loaded_on and model.id not in fleet.active
    return model, placed


def job_of(request: web.Request, wanted: Wanted, inputs: Sequence[bytes], media: Media = "image") -> Job:
    """A live job of the caller's, with the time that a request has."""
    caller = call_of(request).caller
    return Job(
        model=wanted.model.id,
        inputs=list(inputs),
        media=media,
        task=wanted.model.task,
        params=wanted.params,
        hardware=wanted.hardware,
        timeout_ms=int(request.app[SETTINGS].request_timeout_s * 1000),
        trace=trace.of(request),
        owner=caller.owner,
        key=caller.key_id,
    )


async def run(
    request: web.Request, wanted: Wanted, inputs: Sequence[bytes], media: Media = "image"
) -> list[dict[str, Any]]:
    """One output per image or text, in order. Raises as ``outputs_of``."""
    jobs = [job_of(request, wanted, [each], media) for each in inputs]
    return await outputs_of(request, wanted, await request.app[BACKEND].jobs.call(jobs))


async def outputs_of(request: web.Request, wanted: Wanted, results: Sequence[JobResult]) -> list[dict[str, Any]]:
    """The outputs of jobs of one input each.

    Raises what the first failing image or job raised; with several images the message names which.
    """
    note_timings(request, results)
    outputs: list[dict[str, Any]] = []
    for index, result in enumerate(results):
        failure = failure_of(result)
        if failure is not None:
            await check_loaded(request, wanted.model.id, failure)
            raise failure if len(results) == 1 else at_index(failure, index)
        outputs.append(result.outputs[0]["output"])
    return outputs


async def check_loaded(request: web.Request, model_id: str, failure: VisionfleetError) -> None:
    """Raises ModelNotReady when the time ran out because the model is still being loaded: trying again will help."""
    if not isinstance(failure, DeadlineExceeded) or not call_of(request).cold_start:
        return
    model = (await request.app[BACKEND].fleet.snapshot(fresh=True)).models.get(model_id)
    if model is not None and not model.loaded_on:
        raise not_ready(model_id)


def not_ready(model_id: str) -> ModelNotReady:
    """What is said of a model that takes longer to load than its caller waits."""
    return ModelNotReady(f"The model {model_id!r} is still being loaded; try again in a moment.", model=model_id)


def failure_of(result: JobResult) -> VisionfleetError | None:
    """Why a job of one image has no output, or None."""
    if result.error is not None:
        return from_dict(result.error)
    if not result.outputs:
        return VisionfleetError("The worker's answer is incomplete.")
    error = result.outputs[0].get("error")
    return from_dict(error) if error is not None else None


def note_timings(request: web.Request, results: Sequence[JobResult]) -> None:
    """Keep the slowest of each stage (ms) for the headers and the metrics, and the load that they waited for."""
    call = call_of(request)
    loads = [result.timings["load_ms"] / 1000 for result in results if "load_ms" in result.timings]
    if loads:
        call.cold_start, call.load_s = True, max(loads)
    for stage in STAGES:
        spent = [result.timings[f"{stage}_ms"] for result in results if f"{stage}_ms" in result.timings]
        if spent:
            call.timings[stage] = max(spent)
    request.app[METRICS].observe_stages(call.timings)


def answer(output: dict[str, Any], inference_id: str, seconds: float) -> dict[str, Any]:
    """A worker's output in the shape of the wire contract: the task and None left out."""
    shown = {name: value for name, value in output.items() if name != "task" and value is not None}
    return {"inference_id": inference_id, "time": seconds, **shown}


def new_inference_id() -> str:
    """What a caller who gave no id gets."""
    return uuid_text()
