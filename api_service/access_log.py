"""One structured line per request."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from typing_extensions import override

from api_service.context import CALL

log = structlog.get_logger("access")


class AccessLogger(AbstractAccessLogger):
    """Method, path without its query (keys travel there), status, time, bytes, model and error code."""

    @override
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        call = request.get(CALL)
        facts = {} if call is None else {"request_id": call.request_id, "model": call.model_id, "code": call.error_code}
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            ms=round(time * 1000, 2),
            bytes=response.body_length,
            remote=request.remote,
            **{name: value for name, value in facts.items() if value is not None},
        )
