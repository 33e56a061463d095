"""Models that no worker has: with a key of Roboflow's they are wished for, and a worker fetches them."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from api_service import catalog
from api_service.context import FETCHES, WISHES
from shared.errors import ModelNotFound, ModelNotReady
from shared.fetch import wishes
from shared.fleet.state import Fleet, ModelInfo

POLL_S = 0.5
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
