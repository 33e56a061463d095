"""No handler runs before its caller is known, may use the route, and is within the limits of its key."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from api_service.access import identify, required_scope
from api_service.caller import NOBODY
from api_service.context import BACKEND, ROUTES_OF, SETTINGS, Call, call_of
from shared.access.key import ApiKey
from shared.errors import QuotaExceeded, RateLimited, TooManyAtOnce, Unavailable


@web.middleware
async def access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the caller into the facts about this request. Paths without a route go on to their 404 or 405."""
    route = request.app[ROUTES_OF].get(request.match_info.route)
    if route is None or required_scope(route, request.app[SETTINGS]) == "public":
        return await handler(request)
    call = call_of(request)
    call.caller = await identify(request, route)
    key = call.caller.key
    return (
        await handler(request)
        if key is None or call.caller is NOBODY
        else await _within_limits(request, handler, call, key)
    )


async def _within_limits(request: web.Request, handler: Handler, call: Call, key: ApiKey) -> web.StreamResponse:
    keys = request.app[BACKEND].keys
    verdict = await keys.admit(key, call.request_id)
    keys.count(key.id, refused=verdict is not None and verdict.refused != "")
    if verdict is None:
        return await _noting_quota(request, handler, key)
    if key.limits.rate is not None:
        window = key.limits.capacity / key.limits.rate
        call.headers["RateLimit-Policy"] = f'"key";q={key.limits.capacity};w={max(1, round(window))}'
        call.headers["RateLimit"] = f'"key";r={verdict.left};t={-(-verdict.full_ms // 1000)}'
    if verdict.refused:
        raise _refusal(verdict.refused, key, -(-verdict.retry_ms // 1000))
    try:
        return await _noting_quota(request, handler, key)
    finally:
        await keys.release(key, call.request_id)


async def _noting_quota(request: web.Request, handler: Handler, key: ApiKey) -> web.StreamResponse:
    try:
        return await handler(request)
    except QuotaExceeded:
        request.app[BACKEND].keys.count(key.id, refused=True)
        raise


def _refusal(reason: str, key: ApiKey, retry_s: int) -> Unavailable:
    if reason == "busy":
        most = key.limits.concurrency
        return TooManyAtOnce(f"The API key has {most} requests under way, which is its limit.", retry_after_s=retry_s)
    rate = f"{key.limits.rate:g}"
    return RateLimited(f"The API key may send {rate} requests per second; slow down.", retry_after_s=retry_s)
