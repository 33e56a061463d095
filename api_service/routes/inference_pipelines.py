"""Roboflow's names for streams: what its SDK's pipeline methods call. Ours, with more, are in ``streams.py``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from api_service import body, pipelines, reply, streams
from api_service.context import STREAMS, call_of
from api_service.route import Handler, Route
from api_service.schemas.pipelines import (
    CommandAnswer,
    ConsumeAnswer,
    ConsumeRequest,
    InitialisePipeline,
    ListAnswer,
    StatusAnswer,
)
from shared.errors import NotFound

TAG = "Inference pipelines"


def translated(handler: Handler) -> Handler:
    """An unknown pipeline is told in the words that Roboflow's clients know."""

    @wraps(handler)
    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except NotFound as error:
            if error.code != "stream_not_found":
                raise
            call_of(request).error_code = error.code
            message = (
                "Error with command handling raised by InferencePipeline Manager. Error type: not_found. "
                f"Details: Could not find InferencePipeline with id={request.match_info['id']}."
            )
            told = {"message": message, "error_type": "ProcessesManagerNotFoundError", "inner_error_type": None}
            return reply.json({**told, "code": error.code}, status=404)

    return wrapped


async def listing(request: web.Request) -> web.Response:
    """Ids of all pipelines, WebRTC sessions too."""
    found = [*await streams.listed(request), *await streams.sessions(request)]
    return success(request, None, {"pipelines": [one.id for one in found]})


async def initialise(request: web.Request) -> web.Response:
    """Start one. Unlike Roboflow's server, a camera that cannot be opened is told here."""
    wanted = await body.parse(request, InitialisePipeline)
    stream, _ = await streams.create(request, pipelines.spec_of(wanted), probe=True)
    return success(request, stream.id)


async def status(request: web.Request) -> web.Response:
    """State of the sources, latencies, throughput."""
    stream, _ = await streams.own_or_session(request)
    return success(request, stream.id, {"report": pipelines.report_of(stream)})


async def consume(request: web.Request) -> web.Response:
    """Take out the oldest result."""
    stream = await streams.own(request)
    raw = await body.read(request)
    wanted = body.validate(raw, ConsumeRequest) if raw else ConsumeRequest()
    result = None if request.method == "HEAD" else await request.app[STREAMS].consume(stream.id)
    return success(request, stream.id, pipelines.consumed(stream, result, wanted.excluded_fields))


async def pause(request: web.Request) -> web.Response:
    """Roboflow's server mutes: the camera is read on, so that it does not disconnect."""
    return await commanded(request, lambda one: request.app[STREAMS].desire(one, "muted"))


async def resume(request: web.Request) -> web.Response:
    """Go on."""
    return await commanded(request, lambda one: request.app[STREAMS].desire(one, "running"))


async def terminate(request: web.Request) -> web.Response:
    """End and forget it."""
    return success(request, (await streams.terminate(request)).id)


async def commanded(request: web.Request, act: Callable[[str], Awaitable[None]]) -> web.Response:
    """Carry out a command for the pipeline in the path."""
    stream = await streams.own(request)
    await act(stream.id)
    return success(request, stream.id)


def success(request: web.Request, pipeline_id: str | None, more: dict[str, Any] | None = None) -> web.Response:
    """What every answer has."""
    context = {"request_id": call_of(request).request_id, "pipeline_id": pipeline_id}
    return reply.json({"status": "success", "context": context, **(more or {})})


ONE = "/inference_pipelines/{id}"
ROUTES = [
    Route(*("GET", "/inference_pipelines/list", listing, TAG, "All pipelines.", "streams"), answer=ListAnswer),
    Route(
        *("POST", "/inference_pipelines/initialise", initialise, TAG, "Start a pipeline.", "streams"),
        body=InitialisePipeline,
        answer=CommandAnswer,
        status=(404,),
    ),
    Route(
        *("GET", f"{ONE}/status", translated(status), TAG, "How a pipeline is.", "streams"),
        answer=StatusAnswer,
        status=(404,),
    ),
    Route(
        *("GET", f"{ONE}/consume", translated(consume), TAG, "Take out the oldest result.", "streams"),
        answer=ConsumeAnswer,
        status=(404,),
    ),
    Route(
        *("POST", f"{ONE}/pause", translated(pause), TAG, "Process no frames for a while.", "streams"),
        answer=CommandAnswer,
        status=(404,),
    ),
    Route(
        *("POST", f"{ONE}/resume", translated(resume), TAG, "Go on.", "streams"), answer=CommandAnswer, status=(404,)
    ),
    Route(
        *("POST", f"{ONE}/terminate", translated(terminate), TAG, "End a pipeline.", "streams"),
        answer=CommandAnswer,
        status=(404,),
    ),
]
