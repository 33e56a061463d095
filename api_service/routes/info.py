"""Who answers, whether it lives and whether it is ready."""

from __future__ import annotations

import socket
import uuid

from aiohttp import web

from api_service import catalog, reply
from api_service.context import LEAVING, SETTINGS
from api_service.route import Route
from api_service.schemas.models import ServerInfo, Status
from api_service.version import VERSION
from shared.errors import QueueUnavailable

HEALTHY = reply.dumps({"status": "healthy"})
READY = reply.dumps({"status": "ready"})


async def info(request: web.Request) -> web.Response:
    """Name, version and an id that all processes of this server share."""
    name = f"visionfleet://{socket.gethostname()}:{request.app[SETTINGS].port}"
    server_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return reply.json({"name": "Visionfleet", "version": VERSION, "uuid": server_id})


async def healthz(request: web.Request) -> web.Response:
    """This process answers; it says nothing about Redis or workers, so that an outage restarts nobody."""
    if request.app[LEAVING].is_set():
        return not_ready("this server is about to end")
    return web.Response(body=HEALTHY, content_type="application/json")


async def readiness(request: web.Request) -> web.Response:
    """The queue is reachable and a worker is ready."""
    if request.app[LEAVING].is_set():
        return not_ready("this server is about to end")
    try:
        fleet = await catalog.fleet_of(request, fresh=True)  # a probe asks for now, not for two seconds ago
    except QueueUnavailable as error:
        return not_ready(error.message)
    if not any(worker.state == "ready" for worker in fleet.workers):
        return not_ready("no worker is ready")
    return web.Response(body=READY, content_type="application/json")


def not_ready(reason: str) -> web.Response:
    """503 with the reason."""
    response = reply.json({"status": "not ready", "reason": reason}, status=503)
    response.headers["Retry-After"] = "1"
    return response


TAG = "Server"
ROUTES = [
    Route("GET", "/info", info, TAG, "Name, version and id of the server.", answer=ServerInfo, scope="public"),
    Route("GET", "/healthz", healthz, TAG, "Liveness of this process.", answer=Status, scope="public"),
    Route(
        "GET",
        "/readiness",
        readiness,
        TAG,
        "Readiness: queue reachable, a worker ready.",
        answer=Status,
        scope="public",
    ),
]
