"""Which model a request means and where it can run, judged before anything is queued."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from aiohttp import web

from api_service.context import BACKEND, call_of
from shared.access.key import ApiKey
from shared.errors import InvalidModelId, ModelNotFound, NoWorkerForHardware, UnsupportedTask
from shared.fleet.state import Fleet, ModelInfo, WorkerInfo

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?")

# Task of a manifest -> the route that serves it.
ROUTE_OF_TASK = {
    "object-detection": "/infer/object_detection",
    "instance-segmentation": "/infer/instance_segmentation",
    "classification": "/infer/classification",
    "multi-label-classification": "/infer/classification",
    "keypoint-detection": "/infer/keypoints_detection",
    "semantic-segmentation": "/infer/semantic_segmentation",
    "gaze-detection": "/infer/gaze_detection",
    "depth-estimation": "/infer/depth-estimation",
    "embedding": "/clip/embed_image",
    "ocr": "/ocr/trocr",
    "lmm": "/infer/lmm",
    "open-vocabulary-detection": "/yolo_world/infer",
    "promptable-segmentation": "/sam2/segment_image",
}


def check_id(model_id: str) -> str:
    """The id itself. Raises InvalidModelId unless it is ``name`` or ``project/version``."""
    if not is_id(model_id):
        raise InvalidModelId(
            "A model id is `name` or `project/version`, made of letters, digits, '.', '_' and '-', without '..'."
        )
    return model_id


BY_MODEL = ("rates", "counters", "reasons", "histograms", "recent", "speeds", "pending")
"""What a worker tells by model."""


def is_id(text: str) -> bool:
    """Whether a text can be a model's id."""
    return MODEL_ID.fullmatch(text) is not None and ".." not in text


async def fleet_of(request: web.Request, *, fresh: bool = False) -> Fleet:
    """The fleet as the caller may see it: with the models of its key only. Raises QueueUnavailable."""
    return _seen(request, await request.app[BACKEND].fleet.snapshot(fresh=fresh))


async def listed_of(request: web.Request) -> Fleet:
    """The same, with the registry as it is now for all replicas. Raises QueueUnavailable."""
    return _seen(request, await request.app[BACKEND].fleet.listed())


def _seen(request: web.Request, fleet: Fleet) -> Fleet:
    key = call_of(request).caller.key
    if key is None or not key.models:
        return fleet
    models = {name: model for name, model in fleet.models.items() if key.sees(name)}
    queues = [queue for queue in fleet.queues if key.sees(queue.model)]
    workers = [_seen_by(key, worker) for worker in fleet.workers]
    active = {name for name in fleet.active if (model := fleet.resolve(name)) is not None and model.id in models}
    return replace(fleet, workers=workers, models=models, queues=queues, active=active)


def check_seen(request: web.Request, model_id: str) -> str:
    """The id itself, when the caller may use that model. Raises InvalidModelId, ModelNotFound."""
    if not call_of(request).caller.sees(check_id(model_id)):
        raise _unknown(model_id)
    return model_id


def find(fleet: Fleet, model_id: str) -> ModelInfo:
    """The model of that id or alias.

    Raises:
        InvalidModelId: the id is malformed.
        NoWorkerForHardware: no worker is alive, so nobody can tell.
        ModelNotFound: no live worker's repository has it.
    """
    check_id(model_id)
    model = fleet.resolve(model_id)
    if model is not None:
        return model
    if not fleet.workers:
        raise NoWorkerForHardware("No worker is running, so no model can be served; start one and try again.")
    raise _unknown(model_id)


def check_task(model: ModelInfo, tasks: frozenset[str]) -> None:
    """Raises UnsupportedTask, naming the right route, when the model does none of the tasks."""
    if model.task not in tasks:
        route = ROUTE_OF_TASK.get(model.task, "/v1/jobs")
        raise UnsupportedTask(f"The model {model.id!r} does {model.task}; use {route}.", task=model.task, route=route)


def place(model: ModelInfo, hardware: str, *, allow_pending: bool = False) -> str:
    """The hardware tag to queue under: the caller's, or the model's when it can run on one kind only, or ``any``.

    Raises:
        InvalidRequest: the model is not made for the hardware that the caller asks for.
        NoWorkerForHardware: no live worker has it, and the caller does not want to wait for one.
    """
    allowed = model.hardware or [hardware]
    if hardware != "any" and hardware not in allowed:
        raise NoWorkerForHardware(
            f"The model {model.id!r} is not made for {hardware!r}; it runs on {', '.join(allowed)}.", hardware=hardware
        )
    suitable = model.available_on if hardware == "any" else [tag for tag in model.available_on if tag == hardware]
    if not suitable and not allow_pending:
        raise NoWorkerForHardware(
            f"No live worker can run {model.id!r} on {', '.join(allowed) if hardware == 'any' else hardware}.",
            hardware=hardware,
        )
    return allowed[0] if hardware == "any" and len(model.hardware) == 1 else hardware


def _unknown(model_id: str) -> ModelNotFound:
    return ModelNotFound(f"There is no model {model_id!r}; GET /v1/models lists those there are.", model=model_id)


def _seen_by(key: ApiKey, worker: WorkerInfo) -> WorkerInfo:
    told: dict[str, Any] = {name: _of_seen(key, getattr(worker, name)) for name in BY_MODEL}
    return replace(worker, held=[model for model in worker.held if key.sees(str(model.get("id", "")))], **told)


def _of_seen(key: ApiKey, values: dict[str, Any]) -> dict[str, Any]:
    return {model: value for model, value in values.items() if key.sees(model)}
