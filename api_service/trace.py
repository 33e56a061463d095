"""Trace context of W3C: taken from the request, carried in the job, written into the logs."""

from __future__ import annotations

import re

from aiohttp import web

from api_service.context import call_of

# Version 00; all-zero ids are invalid.
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def of(request: web.Request) -> dict[str, str]:
    """The request's id and, when the client sent a valid one, its ``traceparent``."""
    trace = {"request_id": call_of(request).request_id}
    given = request.headers.get("traceparent", "")
    if TRACEPARENT.fullmatch(given):
        trace["traceparent"] = given
    return trace
