"""Video streams: created, listed, changed, commanded, ended. Frames never pass through this service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from aiohttp import web

from api_service import body, jobs, reply, streams
from api_service.context import STREAMS
from api_service.route import Handler, Route
from api_service.schemas.streams import (
    CreatedAnswer,
    CreateQuery,
    ProbeAnswer,
    ResultAnswer,
    StreamAnswer,
    StreamChange,
    StreamsAnswer,
)
from shared.streams.spec import PipelineSpec
from shared.streams.store import StreamStore

TAG = "Streams"


async def create(request: web.Request) -> web.Response:
    """Accept a stream, after its sources were opened once."""
    query = body.query(request, CreateQuery)
    stream, seen = await streams.create(request, await body.parse(request, PipelineSpec), probe=query.probe)
    answer = reply.json({**stream.shown(), "probe": seen}, status=201)
    answer.headers["Location"] = f"/v1/streams/{stream.id}"
    return answer


async def probe(request: web.Request) -> web.Response:
    """Try a specification without making a stream of it."""
    spec = await body.parse(request, PipelineSpec)
    await streams.check_model(request, spec)
    await streams.pin_workflow(request, spec.workflow)
    return reply.json({"sources": await request.app[STREAMS].probe(spec, None, jobs.rights_of(request))})


async def listing(request: web.Request) -> web.Response:
    """Every stream, and who runs them."""
    services = [asdict(one) for one in await request.app[STREAMS].streamers()]
    for one in services:
        del one["keys"], one["sessions"]
    found = [one.shown() for one in await streams.listed(request)]
    sessions = [one.shown() for one in await streams.sessions(request)]
    return reply.json({"streams": found, "sessions": sessions, "services": services})


async def get(request: web.Request) -> web.Response:
    """One stream: specification without credentials, state, health, figures."""
    stream, _ = await streams.own_or_session(request)
    return reply.json(stream.shown())


async def change(request: web.Request) -> web.Response:
    """Change a running stream."""
    return reply.json((await streams.change(request, await body.parse(request, StreamChange))).shown())


async def delete(request: web.Request) -> web.Response:
    """End and forget a stream, whatever state it is in."""
    await streams.terminate(request)
    return web.Response(status=204)


async def consume(request: web.Request) -> web.Response:
    """Take out the oldest buffered result."""
    stream = await streams.own(request)
    return reply.json({"result": None if request.method == "HEAD" else await request.app[STREAMS].consume(stream.id)})


def command(act: Callable[[StreamStore, str], Awaitable[None]]) -> Handler:
    """A handler that changes what a stream is to do, and answers with the stream."""

    async def handler(request: web.Request) -> web.Response:
        stream = await streams.own(request)
        await act(request.app[STREAMS], stream.id)
        return reply.json((await streams.own(request)).shown())

    return handler


COMMANDS: dict[str, tuple[Callable[[StreamStore, str], Awaitable[None]], str]] = {
    "pause": (lambda store, one: store.desire(one, "paused"), "Stop reading; cameras are closed."),
    "mute": (lambda store, one: store.desire(one, "muted"), "Read on, process nothing; files are paused."),
    "resume": (lambda store, one: store.desire(one, "running"), "Go on after pause or mute."),
    "restart": (lambda store, one: store.restart(one), "Begin anew, also after the end."),
}
ROUTES = [
    Route(
        *("POST", "/v1/streams", create, TAG, "Create a stream.", "streams"),
        body=PipelineSpec,
        query=CreateQuery,
        answer=CreatedAnswer,
        status=(201, 404),
    ),
    Route(
        *("POST", "/v1/streams/probe", probe, TAG, "Open the sources of a stream once and tell.", "streams"),
        body=PipelineSpec,
        answer=ProbeAnswer,
        status=(404,),
    ),
    Route(*("GET", "/v1/streams", listing, TAG, "All streams.", "streams"), answer=StreamsAnswer),
    Route(
        *("GET", "/v1/streams/{id}", get, TAG, "A stream, its state and figures.", "streams"),
        answer=StreamAnswer,
        status=(404,),
    ),
    Route(
        *("PATCH", "/v1/streams/{id}", change, TAG, "Change a stream while it runs.", "streams"),
        body=StreamChange,
        answer=StreamAnswer,
        status=(404, 409),
    ),
    Route(
        *("DELETE", "/v1/streams/{id}", delete, TAG, "End and forget a stream.", "streams"),
        status=(204, 404),
    ),
    Route(
        *("POST", "/v1/streams/{id}/consume", consume, TAG, "Take out the oldest buffered result.", "streams"),
        answer=ResultAnswer,
        status=(404,),
    ),
    *(
        Route(
            *("POST", f"/v1/streams/{{id}}/{name}", command(act), TAG, summary, "streams"),
            answer=StreamAnswer,
            status=(404,),
        )
        for name, (act, summary) in COMMANDS.items()
    ),
]
