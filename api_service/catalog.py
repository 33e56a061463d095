"""Which model a request means and where it can run, judged before anything is queued."""

from __future__ import annotations

import re

from shared.errors import InvalidModelId, ModelNotFound, NoWorkerForHardware, UnsupportedTask
from shared.fleet.state import Fleet, ModelInfo

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?")

# Task of a manifest -> the route that serves it.
ROUTE_OF_TASK = {
    "object-detection": "/infer/object_detection",
    "instance-segmentation": "/infer/instance_segmentation",
    "classification": "/infer/classification",
    "multi-label-classification": "/infer/classification",
    "keypoint-detection": "/infer/keypoints_detection",
    "semantic-segmentation": "/infer/semantic_segmentation",
}


def check_id(model_id: str) -> str:
    """The id itself. Raises InvalidModelId unless it is ``name`` or ``project/version``."""
    if not MODEL_ID.fullmatch(model_id) or ".." in model_id:
        raise InvalidModelId(
            "A model id is `name` or `project/version`, made of letters, digits, '.', '_' and '-', without '..'."
        )
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
    raise ModelNotFound(f"There is no model {model_id!r}; GET /v1/models lists those there are.", model=model_id)


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
