"""Every request gets an id, a clock and a count; every answer the headers that tell about them."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web
from aiohttp.typedefs import Handler

from api_service.context import CALL, METRICS, Call, call_of
from api_service.reply import dumps
from api_service.trace import traceparent_of
from shared import tracing
from shared.ids import uuid_hex

COLD_START = {False: ("false", "0"), True: ("true", "1")}
UNTRACED = frozenset({"/healthz", "/readiness", "/metrics", "unmatched"})
CLIENT_LEFT = 499
"""nginx's number for a request whose client hung up."""
UUID4 = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}", re.IGNORECASE)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Echo a valid X-Request-ID or make one; count and time the answer."""
    given = request.headers.get("X-Request-ID", "")
    call = Call(given if UUID4.fullmatch(given) else uuid_hex())
    request[CALL] = call
    metrics = request.app[METRICS]
    if tracing.enabled():
        begin_span(request, call)
    metrics.in_flight.inc()
    try:
        response = await handler(request)
    except asyncio.CancelledError:
        metrics.observe(request.method, route_of(request), CLIENT_LEFT, call.elapsed())
        end_span(call, CLIENT_LEFT)
        raise
    finally:
        metrics.in_flight.dec()
    route = route_of(request)
    metrics.observe(request.method, route, response.status, call.elapsed())
    metrics.observe_bytes(route, request.content_length or 0, response.content_length or 0)
    if call.error_code is not None:
        metrics.observe_failure(call.error_code)
    end_span(call, response.status)
    return response


def begin_span(request: web.Request, call: Call) -> None:
    """The server's span, a child of the caller's if it sent a ``traceparent``. Probes and scrapes have none."""
    route = route_of(request)
    if route in UNTRACED:
        return
    about = {"http.request.method": request.method, "http.route": route, "visionfleet.request_id": call.request_id}
    call.span = tracing.begin(f"{request.method} {route}", traceparent_of(request), "server", about)


def end_span(call: Call, status: int) -> None:
    """The answer is there."""
    if call.span is None:
        return
    about: dict[str, str | int] = {"http.response.status_code": status}
    if call.model_id is not None:
        about["visionfleet.model"] = call.model_id
    call.span.end(about, (call.error_code or str(status)) if status >= 500 else "")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal before an answer's head is written; works for streamed answers too."""
    if CALL not in request:
        return
    call = call_of(request)
    headers = response.headers
    headers["X-Request-ID"] = call.request_id
    headers["X-Processing-Time"] = f"{call.elapsed():.6f}"
    headers["Server"] = "visionfleet"
    headers["X-Content-Type-Options"] = "nosniff"
    if call.headers:
        headers.update(call.headers)
    headers["X-Inference-Engine"] = "visionfleet"
    headers["X-Model-Cold-Start"], headers["X-Model-Cold-Start-Count"] = COLD_START[call.cold_start]
    if call.model_id is not None:
        headers["X-Model-Id"] = call.model_id
    if call.load_s is not None:
        headers["X-Model-Load-Time"] = f"{call.load_s:.6f}"
        headers["X-Model-Load-Details"] = dumps([{"m": call.model_id, "t": call.load_s}]).decode()
    if call.timings:
        headers["X-Visionfleet-Timings"] = ";".join(f"{stage}={spent:.3f}" for stage, spent in call.timings.items())


def route_of(request: web.Request) -> str:
    """The path template, so that metrics do not grow with what clients ask for."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
