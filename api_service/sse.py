"""Server-sent events, as every route that has them writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from api_service import reply
from api_service.context import FOLLOWERS, SETTINGS
from shared.errors import Unavailable

MEDIA = "text/event-stream"
HEARTBEAT = b": still here\n\n"


def event(name: str, data: Any, event_id: str = "") -> bytes:
    """One event as the client's EventSource reads it."""
    told = b"event: %b\ndata: %b\n\n" % (name.encode(), reply.dumps(data))
    return b"id: %b\n" % event_id.encode() + told if event_id else told


async def opened(request: web.Request) -> web.StreamResponse:
    """An answer of events whose head has been sent."""
    response = web.StreamResponse(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
    response.content_type = MEDIA
    await response.prepare(request)
    return response


@contextmanager
def following(request: web.Request) -> Iterator[None]:
    """Count the client among the followers for as long as it is served. Raises Unavailable when there are too many."""
    followers = request.app[FOLLOWERS]
    if len(followers) >= request.app[SETTINGS].max_event_streams:
        raise Unavailable("Too many clients follow events on this server (VISIONFLEET_MAX_EVENT_STREAMS).")
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a handler runs in a task
    followers.add(task)
    try:
        yield
    finally:
        followers.discard(task)
