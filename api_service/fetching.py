"""Models that no worker has: with a key of Roboflow's they are wished for, and a worker fetches them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from api_service import catalog
from api_service.context import FETCHES, WISHES
from shared.errors import ModelNotFound, ModelNotReady, NoWorkerForHardware
from shared.fetch import wishes
from shared.fleet.state import Fleet, ModelInfo

POLL_S = 0.5
INPUT = "$inputs."
RETRY_AFTER_S = 2


async def find(
    request: web.Request, model_id: str, *, fresh: bool = False, wait_s: float = 0.0
) -> tuple[Fleet, ModelInfo]:
    """The fleet and the model of that id or alias; one that nobody has is wished for, where models are fetched.

    Raises:
        InvalidModelId, ModelNotFound, NoWorkerForHardware: as ``catalog.find``.
        ModelNotReady: it is being fetched and did not come within ``wait_s`` seconds.
        VisionfleetError: why it could not be fetched, lately.
    """
    fleet = await catalog.fleet_of(request, fresh=fresh)
    try:
        return fleet, catalog.find(fleet, model_id)
    except ModelNotFound:
        if not request.app[FETCHES]:
            raise
    catalog.check_seen(request, model_id)
    deadline = time.monotonic() + wait_s
    while True:
        failed = await wishes.wish(request.app[WISHES], model_id)
        if failed is not None:
            raise failed
        if time.monotonic() >= deadline:
            raise ModelNotReady(
                f"The model {model_id!r} is being fetched; try again in a moment.",
                model=model_id,
                retry_after_s=RETRY_AFTER_S,
            )
        await asyncio.sleep(POLL_S)
        fleet = await catalog.fleet_of(request, fresh=True)
        model = fleet.resolve(model_id)
        if model is not None:
            return fleet, model


async def find_models_of(request: web.Request, specification: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """Wish for the models of a workflow's steps that nobody has, all at once, where models are fetched.

    Raises ModelNotReady while one is being fetched, and what its fetching met. Everything else is for the workflow
    engine to judge: a name that is none, a model that is not found.
    """
    if not request.app[FETCHES]:
        return
    fleet = await catalog.fleet_of(request)
    wanted = [name for name in model_ids(specification, inputs) if fleet.resolve(name) is None and catalog.is_id(name)]
    found = await asyncio.gather(*(find(request, name) for name in wanted), return_exceptions=True)
    for failure in found:
        if isinstance(failure, BaseException) and not isinstance(failure, NoWorkerForHardware):
            raise failure


def model_ids(specification: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    """The models that the steps name, themselves or by a parameter of the workflow."""
    steps, parameters = specification.get("steps"), specification.get("inputs")
    defaults = {
        str(one.get("name")): one.get("default_value")
        for one in (parameters if isinstance(parameters, list) else [])
        if isinstance(one, dict)
    }
    found = []
    for step in steps if isinstance(steps, list) else []:
        named = step.get("model_id") if isinstance(step, dict) else None
        if isinstance(named, str) and named.startswith(INPUT):
            named = {**defaults, **inputs}.get(named.removeprefix(INPUT))
        if isinstance(named, str):
            found.append(named)
    return list(dict.fromkeys(found))
