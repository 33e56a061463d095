"""What a stream looks like now: its frames with the predictions drawn on them, made by the stream service on demand."""

from __future__ import annotations

import asyncio

from aiohttp import web

from api_service import body, sse, streams
from api_service.context import STREAMS
from api_service.route import Route
from api_service.schemas.streams import PictureQuery
from shared.errors import NotFound, Unavailable, VisionfleetError
from shared.streams.records import Stream

BOUNDARY = "frame"
SNAPSHOT_WAIT_S, EVERY_S = 10.0, 0.05
"""The first picture of a stream service takes seconds: it loads what draws."""


async def snapshot(request: web.Request) -> web.Response:
    """One picture."""
    stream = await streams.own(request)
    source = source_of(stream, body.query(request, PictureQuery))
    for _ in range(int(SNAPSHOT_WAIT_S / EVERY_S)):
        jpeg = await request.app[STREAMS].preview(stream.id, source)
        if jpeg is not None:
            return web.Response(body=jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})
        await asyncio.sleep(EVERY_S)
    raise Unavailable("The source has delivered no picture; GET /v1/streams/{id} says how it is.")


async def preview(request: web.Request) -> web.StreamResponse:
    """Pictures one after another, as browsers show them in an <img>; ends with the stream."""
    stream, query = await streams.own(request), body.query(request, PictureQuery)
    source = source_of(stream, query)
    with sse.following(request):
        response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        response.headers["Content-Type"] = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        await response.prepare(request)
        if request.method != "HEAD":
            await play(request, response, (stream.id, source), 1 / query.fps)
    return response


async def play(request: web.Request, response: web.StreamResponse, of: tuple[str, str], every_s: float) -> None:
    """Write each new picture until the stream is gone or the client leaves."""
    last, silent_s = b"", 0.0
    while True:
        try:
            jpeg = await request.app[STREAMS].preview(*of)
            silent_s = 0.0 if jpeg is not None else silent_s + every_s
            if silent_s > SNAPSHOT_WAIT_S:
                silent_s = 0.0
                await request.app[STREAMS].get(of[0])
        except NotFound:
            return
        except VisionfleetError:
            jpeg = None
        if jpeg is not None and jpeg != last:
            last = jpeg
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            await response.write(head.encode() + jpeg + b"\r\n")
        await asyncio.sleep(every_s)


def source_of(stream: Stream, query: PictureQuery) -> str:
    """The source that is asked for. Raises NotFound."""
    known = [source.id for source in stream.spec.sources]
    if query.source and query.source not in known:
        raise NotFound("The stream has no source of this id.")
    return query.source or known[0]


ROUTES = [
    Route(
        *("GET", "/v1/streams/{id}/snapshot.jpg", snapshot, "Streams", "The newest frame, annotated.", "streams"),
        query=PictureQuery,
        media="image/jpeg",
        status=(404,),
    ),
    Route(
        *("GET", "/v1/streams/{id}/preview.mjpeg", preview, "Streams", "Annotated frames as MJPEG.", "streams"),
        query=PictureQuery,
        media="multipart/x-mixed-replace",
        status=(404,),
    ),
]
