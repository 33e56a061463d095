"""``GET /v1/jobs/{id}/events``: a job's story as server-sent events, which can be taken up where it was left."""

from __future__ import annotations

import re

import structlog
from aiohttp import web

from api_service import jobs, sse
from api_service.context import BACKEND, SETTINGS
from api_service.route import Route
from shared.errors import InvalidRequest, VisionfleetError

log = structlog.get_logger(__name__)
EVENT_ID = re.compile(r"\d{1,20}-\d{1,9}")


async def events(request: web.Request) -> web.StreamResponse:
    """Events after ``Last-Event-ID`` as they come, up to the last; a comment when it has been quiet for a while."""
    after = request.headers.get("Last-Event-ID", "")
    if after and not EVENT_ID.fullmatch(after):
        raise InvalidRequest("Last-Event-ID is the id of an event of this job.")
    queue, quiet_s = request.app[BACKEND].jobs, request.app[SETTINGS].event_heartbeat_s
    job_id = await jobs.own(request)
    await queue.get(job_id)
    with sse.following(request):
        response = await sse.opened(request)
        if request.method == "HEAD":
            return response
        try:
            async for event in queue.follow(job_id, after, quiet_s):
                told = sse.HEARTBEAT if event is None else sse.event(event.name, event.data, event.id)
                await response.write(told)
        except VisionfleetError as error:  # the answer has begun: the client takes it up again where it broke off
            log.warning("events.broken_off", job=job_id, code=error.code)
    return response


ROUTES = [
    Route(
        *("GET", "/v1/jobs/{id}/events", events, "Jobs", "A job's events as they happen (text/event-stream)."),
        scope="jobs",
        headers={"Last-Event-ID": "Leave out the events up to this one."},
        media=sse.MEDIA,
        status=(404,),
    ),
]
