"""Sources of a running stream: added and removed; the others are not disturbed."""

from __future__ import annotations

from aiohttp import web

from api_service import body, reply, streams
from api_service.route import Route
from api_service.schemas.streams import StreamAnswer, StreamChange
from shared.errors import NotFound
from shared.streams.spec import SourceSpec


async def add(request: web.Request) -> web.Response:
    """Add a source, after it was opened once."""
    source = await body.parse(request, SourceSpec)
    present = (await streams.own(request)).spec.sources
    if not source.id:
        taken = {one.id for one in present}
        source.id = next(str(number) for number in range(len(present) + 1) if str(number) not in taken)
    return reply.json((await streams.change(request, StreamChange(sources=[*present, source]))).shown())


async def remove(request: web.Request) -> web.Response:
    """Remove a source; the last one cannot go."""
    name = request.match_info["source_id"]
    present = (await streams.own(request)).spec.sources
    left = [one.model_dump() for one in present if one.id != name]
    if len(left) == len(present):
        raise NotFound("The stream has no source of this id.")
    change = body.validate(reply.dumps({"sources": left}), StreamChange)
    return reply.json((await streams.change(request, change)).shown())


ROUTES = [
    Route(
        *("POST", "/v1/streams/{id}/sources", add, "Streams", "Add a source to a running stream.", "streams"),
        body=SourceSpec,
        answer=StreamAnswer,
        status=(404, 409),
    ),
    Route(
        *("DELETE", "/v1/streams/{id}/sources/{source_id}", remove, "Streams", "Remove a source.", "streams"),
        answer=StreamAnswer,
        status=(404, 409),
    ),
]
