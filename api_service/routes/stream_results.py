"""Results of a stream as they come: server-sent events, or WebSocket messages of JSON.

A client that is too slow misses results and holds up nobody: the feed in Redis keeps the newest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import web

from api_service import reply, sse, streams
from api_service.context import SETTINGS, STREAMS
from api_service.route import Route
from shared.errors import VisionfleetError

log = structlog.get_logger(__name__)


async def results(request: web.Request, stream_id: str) -> AsyncIterator[dict[str, Any] | None]:
    """The feed, ended by whatever ends it; None when it is quiet."""
    try:
        async for item in request.app[STREAMS].follow(stream_id):
            yield item
    except VisionfleetError as error:  # the answer has begun: the client takes it up again
        log.warning("results.broken_off", stream=stream_id, code=error.code)


async def events(request: web.Request) -> web.StreamResponse:
    """Events ``result`` and ``failure``, and ``end`` when the stream is over."""
    stream = await streams.own(request)
    with sse.following(request):
        response = await sse.opened(request)
        if request.method == "HEAD":
            return response
        quiet = 0.0
        await response.write(sse.HEARTBEAT)
        async for item in results(request, stream.id):
            if item is not None:
                quiet = 0.0
                await response.write(written(item))
            elif (quiet := quiet + 1) >= request.app[SETTINGS].event_heartbeat_s:
                quiet = 0.0
                await response.write(sse.HEARTBEAT)
        await response.write(sse.event("end", {}))
    return response


async def socket(request: web.Request) -> web.StreamResponse:
    """One JSON text message per result; closed when the stream is over."""
    stream = await streams.own(request)
    with sse.following(request):
        connection = web.WebSocketResponse(heartbeat=request.app[SETTINGS].event_heartbeat_s)
        await connection.prepare(request)
        feed = results(request, stream.id)
        reading = asyncio.create_task(drain(connection))
        try:
            async for item in feed:
                if connection.closed:
                    break
                if item is not None:
                    await connection.send_str(reply.dumps(item).decode())
        except ConnectionError:
            log.debug("results.client_left", stream=stream.id)
        finally:
            reading.cancel()
            await connection.close()
    return connection


async def drain(connection: web.WebSocketResponse) -> None:
    """Answer pings and notice the end; what clients send is ignored."""
    async for _ in connection:
        pass


def written(item: dict[str, Any]) -> bytes:
    """A result as the client's EventSource reads it."""
    return sse.event("failure" if item.get("cause") else "result", item)


ROUTES = [
    Route(
        *("GET", "/v1/streams/{id}/results", events, "Streams", "Results as server-sent events.", "streams"),
        media=sse.MEDIA,
        status=(404,),
    ),
    Route(
        *("GET", "/v1/streams/{id}/ws", socket, "Streams", "Results over a WebSocket.", "streams"),
        status=(404,),
    ),
]
