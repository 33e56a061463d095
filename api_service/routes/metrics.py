"""``GET /metrics`` for Prometheus."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from api_service import catalog
from api_service.context import METRICS
from api_service.route import Route
from shared.errors import QueueUnavailable


async def metrics(request: web.Request) -> web.Response:
    """This process's figures and, while Redis answers, the fleet's."""
    try:
        fleet = await catalog.fleet_of(request)
    except QueueUnavailable:
        fleet = None
    text = request.app[METRICS].render(fleet)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


ROUTES = [Route("GET", "/metrics", metrics, "Server", "Figures in the Prometheus text format.", scope="any")]
