"""``GET /v1/jobs/{id}/events``: a job's story as server-sent events, which can be taken up where it was left."""

from __future__ import annotations

import asyncio
import re

import structlog
from aiohttp import web

from api_service import jobs, reply
from api_service.context import BACKEND, FOLLOWERS, SETTINGS
from api_service.route import Route
from shared.errors import InvalidRequest, Unavailable, VisionfleetError
from shared.jobs import JobEvent

log = structlog.get_logger(__name__)
EVENT_ID = re.compile(r"\d{1,20}-\d{1,9}")
HEARTBEAT = b": still here\n\n"


async def events(request: web.Request) -> web.StreamResponse:
    """Events after ``Last-Event-ID`` as they come, up to the last; a comment when it has been quiet for a while."""
    after = request.headers.get("Last-Event-ID", "")
    if after and not EVENT_ID.fullmatch(after):
        raise InvalidRequest("Last-Event-ID is the id of an event of this job.")
    settings, queue, followers = request.app[SETTINGS], request.app[BACKEND].jobs, request.app[FOLLOWERS]
    job_id = await jobs.own(request)
    await queue.get(job_id)
    if len(followers) >= settings.max_event_streams:
        raise Unavailable("Too many clients follow events on this server (VISIONFLEET_MAX_EVENT_STREAMS).")
    response = web.StreamResponse(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a handler runs in a task
    followers.add(task)
    try:
        async for event in queue.follow(job_id, after, settings.event_heartbeat_s):
            await response.write(HEARTBEAT if event is None else written(event))
    except VisionfleetError as error:  # the answer has begun: the client takes it up again where it broke off
        log.warning("events.broken_off", job=job_id, code=error.code)
    finally:
        followers.discard(task)
    return response


def written(event: JobEvent) -> bytes:
    """The event as the client's EventSource reads it."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.id.encode(), event.name.encode(), reply.dumps(event.data))


ROUTES = [
    Route(
        *("GET", "/v1/jobs/{id}/events", events, "Jobs", "A job's events as they happen (text/event-stream)."),
        scope="jobs",
        headers={"Last-Event-ID": "Leave out the events up to this one."},
        media="text/event-stream",
        status=(404,),
    ),
]
