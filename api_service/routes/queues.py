"""``GET /v1/queues``: how much waits where, and how long that will take."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from api_service import catalog, reply
from api_service.context import BACKEND
from api_service.route import Route
from api_service.schemas.operations import QueuesAnswer
from shared.fleet.backlog import queue_seconds


async def queues(request: web.Request) -> web.Response:
    """Every queue, and how many dead letters there are."""
    backend = request.app[BACKEND]
    fleet = await catalog.fleet_of(request)
    waits = queue_seconds(fleet)
    shown = [{**asdict(queue), "backlog_s": wait} for queue, wait in zip(fleet.queues, waits, strict=True)]
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
