"""The fleet as it is now: workers, models, queues."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from api_service import catalog, reply
from api_service.route import Route
from api_service.schemas.models import FleetAnswer, ModelsAnswer


async def fleet(request: web.Request) -> web.Response:
    """Workers, models and queues."""
    now = await catalog.fleet_of(request)
    return reply.json(
        {
            "workers": [asdict(worker) for worker in now.workers],
            "models": [asdict(model) for model in now.models.values()],
            "queues": [asdict(queue) for queue in now.queues],
        }
    )


async def models(request: web.Request) -> web.Response:
    """Every model that can be asked for."""
    now = await catalog.fleet_of(request)
    return reply.json({"models": [asdict(model) for model in now.models.values()], "accepts": ["application/msgpack"]})


ROUTES = [
    Route("GET", "/v1/fleet", fleet, "Fleet", "Workers, models and queues now.", answer=FleetAnswer, scope="any"),
    Route("GET", "/v1/models", models, "Fleet", "Every model that can be asked for.", answer=ModelsAnswer, scope="any"),
]
