"""Writing JSON and msgpack answers."""

from __future__ import annotations

from typing import Any

import orjson
import pybase64
from aiohttp import web

from api_service import packed
from shared.codec import pack
from shared.errors import VisionfleetError

HTML_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def dumps(value: Any) -> bytes:
    """JSON text; bytes (pictures) become base64."""
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)


def json(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=dumps(value), status=status, content_type="application/json")


def msgpack(value: Any, status: int = 200) -> web.Response:
    """A msgpack answer; bytes stay bytes."""
    return web.Response(body=pack(value), status=status, content_type="application/msgpack")


def negotiated(request: web.Request, value: Any, status: int = 200) -> web.Response:
    """msgpack, with pictures as byte strings, when the client's Accept prefers it; else JSON."""
    response = msgpack(value, status) if prefers_msgpack(request.headers.get("Accept", "")) else json(value, status)
    response.headers["Vary"] = "Accept"
    return response


def prefers_msgpack(accept: str) -> bool:
    """Whether an Accept header names msgpack, with no smaller weight than JSON's."""
    accept = accept.lower()
    if "msgpack" not in accept:
        return False
    weights = dict(_weighted(part) for part in accept.split(","))
    weight = max((weights.get(name, 0.0) for name in packed.TYPES), default=0.0)
    return weight > 0 and weight >= weights.get("application/json", 0.0)


def _weighted(part: str) -> tuple[str, float]:
    """A media range and its ``q`` (RFC 9110, 12.4.2); one that cannot be read weighs nothing."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 0.0


def _default(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return pybase64.b64encode(value).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise VisionfleetError("An answer holds something that JSON cannot carry.")
