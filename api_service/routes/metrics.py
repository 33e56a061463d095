"""``GET /metrics`` for Prometheus."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from api_service import catalog, streams
from api_service.context import BACKEND, METRICS, STREAMS
from api_service.route import Route
from shared.errors import QueueUnavailable
from shared.metrics.streams import StreamFigures


async def metrics(request: web.Request) -> web.Response:
    """This process's figures and, while Redis answers, the fleet's."""
    try:
        fleet, letters = await catalog.fleet_of(request), await request.app[BACKEND].dead.count()
    except QueueUnavailable:
        fleet, letters = None, 0
    video = None
    with contextlib.suppress(QueueUnavailable):
        found = [StreamFigures(one.id, one.state, one.status) for one in await streams.listed(request)]
        video = found, await request.app[STREAMS].streamers()
    text = await asyncio.to_thread(request.app[METRICS].render, fleet, letters, video)  # it reads files of /proc
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


ROUTES = [Route("GET", "/metrics", metrics, "Server", "Figures in the Prometheus text format.", scope="any")]
