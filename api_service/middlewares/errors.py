"""Whatever a handler raises becomes an answer here. What nobody foresaw is logged and tells the client nothing."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from api_service.context import call_of
from api_service.errors import as_response, from_http
from shared.errors import VisionfleetError

log = structlog.get_logger(__name__)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into answers: problems under /v1, messages elsewhere."""
    try:
        return await handler(request)
    except VisionfleetError as error:
        failure = error
    except web.HTTPException as error:
        if error.status < 400:
            raise
        failure = from_http(error)
    except ConnectionResetError:
        raise  # the client left; there is nobody to answer
    except Exception:
        log.exception("request.crashed", request_id=call_of(request).request_id, path=request.path)
        failure = VisionfleetError("Internal error.")
    call = call_of(request)
    call.error_code = failure.code
    return as_response(failure, call.request_id, problem=request.path.startswith("/v1/"))
