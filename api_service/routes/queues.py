"""``GET /v1/queues``: how much waits where, and how long that will take."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from api_service import catalog, reply
from api_service.context import BACKEND
from api_service.route import Route
from api_service.schemas.operations import QueuesAnswer


async def queues(request: web.Request) -> web.Response:
    """Every queue, and how many dead letters there are."""
    backend = request.app[BACKEND]
    fleet = await catalog.fleet_of(request)
    shown = [{**asdict(queue), "backlog_s": queue.backlog_s} for queue in fleet.queues]
    return reply.json({"queues": shown, "dead_letters": await backend.dead.count()})


ROUTES = [
    Route(
        "GET",
        "/v1/queues",
        queues,
        "Operations",
        "Queues: depth, age, rate, backlog.",
        answer=QueuesAnswer,
        scope="any",
    )
]
