"""Trace context of W3C: taken from the request, carried in the job, written into the logs."""

from __future__ import annotations

import re

from aiohttp import web

from api_service.context import call_of

# Version 00; all-zero ids are invalid.
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def of(request: web.Request) -> dict[str, str]:
    """The request's id and its ``traceparent``: that of our span, or without tracing what the client sent."""
    call = call_of(request)
    trace = {"request_id": call.request_id}
    parent = traceparent_of(request) if call.span is None else call.span.traceparent
    if parent:
        trace["traceparent"] = parent
    return trace


def traceparent_of(request: web.Request) -> str:
    """What the client sent, or "" when it sent none that is valid."""
    given = request.headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else ""
