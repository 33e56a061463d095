"""Writing JSON and msgpack answers."""

from __future__ import annotations

from typing import Any

import orjson
import pybase64
from aiohttp import web

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


def _default(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return pybase64.b64encode(value).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise VisionfleetError("An answer holds something that JSON cannot carry.")
