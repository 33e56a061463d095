"""Pages of other origins (CORS): none may call, except those that the settings name."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from api_service.access import is_allowed
from api_service.context import SETTINGS

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, "
    "Prefer, X-Request-ID, traceparent",
    "Access-Control-Max-Age": "600",
}
EXPOSED = (
    "ETag, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID, X-Model-Id, "
    "X-Model-Cold-Start, X-Model-Cold-Start-Count, X-Model-Load-Time, X-Model-Load-Details, X-Processing-Time, "
    "X-Workflow-Id, X-Visionfleet-Timings"
)


@web.middleware
async def browser(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer the question that browsers ask beforehand; its headers, as those of all answers, come from ``share``."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers and _origin(request):
        return web.Response(status=204, headers=PREFLIGHT)
    return await handler(request)


async def share(request: web.Request, response: web.StreamResponse) -> None:
    """Signal before an answer's head is written: let pages of the allowed origins read it."""
    if not request.app[SETTINGS].cors_origins:
        return
    response.headers.add("Vary", "Origin")
    origin = _origin(request)
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED


def _origin(request: web.Request) -> str:
    """The request's origin when its pages may call us, else ""."""
    origin = request.headers.get("Origin", "")
    return origin if origin and is_allowed(origin, request.app[SETTINGS]) else ""
