"""The fleet as it is now: workers, models, queues."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from api_service import catalog, reply
from api_service.route import Route
from api_service.schemas.models import FleetAnswer, ModelsAnswer
from shared.fleet.state import WorkerInfo


async def fleet(request: web.Request) -> web.Response:
    """Workers, models and queues."""
    now = await catalog.fleet_of(request)
    return reply.json(
        {
            "workers": [_without_histograms(worker) for worker in now.workers],
            "models": [asdict(model) for model in now.models.values()],
            "queues": [asdict(queue) for queue in now.queues],
        }
    )


def _without_histograms(worker: WorkerInfo) -> dict[str, Any]:
    shown = asdict(worker)
    del shown["histograms"]  # /metrics has them
    return shown


async def models(request: web.Request) -> web.Response:
    """Every model that can be asked for."""
    now = await catalog.fleet_of(request)
    return reply.json({"models": [asdict(model) for model in now.models.values()], "accepts": ["application/msgpack"]})


ROUTES = [
    Route("GET", "/v1/fleet", fleet, "Fleet", "Workers, models and queues now.", answer=FleetAnswer, scope="any"),
    Route("GET", "/v1/models", models, "Fleet", "Every model that can be asked for.", answer=ModelsAnswer, scope="any"),
]
