"""Which models are in use: ``/model/...`` as Roboflow clients know it. Every replica gives the same answer."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from api_service import body, catalog, fetching, reply
from api_service.context import BACKEND, SETTINGS, call_of
from api_service.inference import not_ready
from api_service.route import Route
from api_service.schemas.models import AddModelRequest, ModelsDescriptions, RemoveModelRequest, SessionStarted
from shared.errors import DeadlineExceeded
from shared.fleet.state import Fleet, ModelInfo
from shared.jobs import Job

MEMORY_FIELDS = (
    "total_vram_bytes",
    "gpu_memory_used",
    "gpu_memory_total",
    "torch_cuda_allocated",
    "torch_cuda_reserved",
    "torch_cuda_allocator_cache",
    "non_torch_gpu_memory",
)


async def registry(request: web.Request) -> web.Response:
    """The active models. Clients of Roboflow's before 1.0 send no key here and one with all that follows."""
    return reply.json(descriptions(await catalog.listed_of(request)))


async def add(request: web.Request) -> web.Response:
    """Load a model somewhere and list it; the answer means that it is loaded."""
    wanted = await body.parse(request, AddModelRequest)
    await load(request, wanted.model_id)
    fleet = await catalog.fleet_of(request, fresh=True)
    return reply.json(descriptions(fleet, wanted.model_id))


async def remove(request: web.Request) -> web.Response:
    """Take a model off the list; workers drop it. Unknown models are no error."""
    wanted = await body.parse(request, RemoveModelRequest)
    catalog.check_id(wanted.model_id)
    model = (await catalog.fleet_of(request)).resolve(wanted.model_id)
    if model is not None:
        await request.app[BACKEND].fleet.deactivate(model.id, *model.aliases)
    return reply.json(descriptions(await catalog.fleet_of(request, fresh=True)))


async def clear(request: web.Request) -> web.Response:
    """Empty the list."""
    await empty(request)
    return reply.json(descriptions(await catalog.fleet_of(request, fresh=True)))


async def clear_cache(request: web.Request) -> web.Response:
    """The older name of clear."""
    await empty(request)
    return reply.json("Cache Cleared")


async def start(request: web.Request) -> web.Response:
    """The older name of add."""
    await load(request, f"{request.match_info['project']}/{request.match_info['version']}")
    return reply.json({"status": 200, "message": "inference session started from local memory."})


async def empty(request: web.Request) -> None:
    """Take all models off the list, or those of the caller's key."""
    key, fleet = call_of(request).caller.key, request.app[BACKEND].fleet
    if key is None or not key.models:
        await fleet.clear_active()
    else:
        await fleet.deactivate(*(await catalog.fleet_of(request, fresh=True)).active)


async def load(request: web.Request, model_id: str) -> None:
    """Have a worker load the model and list it. Raises what the load raised."""
    catalog.check_id(model_id)
    backend = request.app[BACKEND]
    _, model = await fetching.find(request, model_id, fresh=True, wait_s=request.app[SETTINGS].load_timeout_s)
    timeout_ms = int(request.app[SETTINGS].load_timeout_s * 1000)
    job = Job(model=model.id, kind="load", hardware=catalog.place(model, "any"), timeout_ms=timeout_ms)
    call = call_of(request)
    call.model_id, call.cold_start = model.id, not model.loaded_on
    begun = time.perf_counter()
    (result,) = await backend.jobs.call([job])
    if result.error is not None and result.error["code"] == DeadlineExceeded.code:
        raise not_ready(model.id)
    result.raise_for_error()
    call.load_s = time.perf_counter() - begun if call.cold_start else None
    await backend.fleet.activate(*{model.id, model_id})


def descriptions(fleet: Fleet, requested: str | None = None) -> dict[str, Any]:
    """The active models, and the requested one under the very name that was asked for, which clients compare."""
    found = [(name, fleet.resolve(name)) for name in sorted(fleet.active)]
    listed = [describe(model, name) for name, model in found if model is not None]
    if requested is not None and all(entry["model_id"] != requested for entry in listed):
        listed.append(describe(catalog.find(fleet, requested), requested))
    return {"models": listed, **dict.fromkeys(MEMORY_FIELDS)}


def describe(model: ModelInfo, name: str) -> dict[str, Any]:
    """One entry of the registry, every field present."""
    route = catalog.ROUTE_OF_TASK.get(model.task)
    return {
        "model_id": name,
        "task_type": model.task,
        "batch_size": model.batch_size,
        "input_height": model.input_height,
        "input_width": model.input_width,
        "vram_bytes": None,
        "request_aliases": [alias for alias in [model.id, *model.aliases] if alias != name],
        "request_paths": [] if route is None else [route],
    }


TAG = "Models"
ROUTES = [
    Route(
        "GET", "/model/registry", registry, TAG, "List the models in use.", answer=ModelsDescriptions, scope="optional"
    ),
    Route(
        *("POST", "/model/add", add, TAG, "Load a model and list it."),
        scope="infer",
        body=AddModelRequest,
        answer=ModelsDescriptions,
        status=(404, 503),
    ),
    Route(
        *("POST", "/model/remove", remove, TAG, "Unload a model."),
        scope="models",
        body=RemoveModelRequest,
        answer=ModelsDescriptions,
    ),
    Route("POST", "/model/clear", clear, TAG, "Unload all models.", answer=ModelsDescriptions, scope="models"),
    Route("GET", "/clear_cache", clear_cache, TAG, "Unload all models (older form).", scope="models"),
    Route(
        *("GET", "/start/{project}/{version}", start, TAG, "Load a model (older form)."),
        scope="infer",
        answer=SessionStarted,
        status=(404, 503),
    ),
]
