"""The HTTP meaning of every error, assigned here and nowhere else.

error raised anywhere ──> middlewares/errors.py ──> as_response ──> /v1: problem+json · elsewhere: {message, code}
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError

from shared import errors

# Subclasses inherit their parent's status unless they have their own line.
STATUS: dict[type[errors.VisionfleetError], int] = {
    errors.VisionfleetError: 500,
    errors.InvalidRequest: 400,
    errors.TooLarge: 413,
    errors.NotFound: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Unavailable: 503,
    errors.QuotaExceeded: 429,
    errors.RateLimited: 429,
    errors.TooManyAtOnce: 429,
    errors.DeadlineExceeded: 504,
    errors.JobExpired: 410,
    errors.JobCanceled: 409,
    errors.Conflict: 409,
    errors.IdempotencyMismatch: 422,
}
# RFC 9110's names, which Python before 3.13 does not have.
PHRASE = {413: "Content Too Large", 422: "Unprocessable Content"}
RETRY_AFTER_S = {429: "1", 503: "1"}


class ValidationFailed(errors.InvalidRequest):
    """The body or the query is not of the documented shape; ``issues`` lists every field that is wrong."""

    code = "validation_failed"

    def __init__(self, issues: list[dict[str, Any]]) -> None:
        where = ".".join(str(part) for part in issues[0]["loc"])
        super().__init__(f"{where}: {issues[0]['msg']}")
        self.issues = issues


class BodyTimeout(errors.InvalidRequest):
    """The client took too long to send its body."""

    code = "body_timeout"


class MethodNotAllowed(errors.InvalidRequest):
    """The path exists, not with this method."""

    code = "method_not_allowed"


STATUS |= {ValidationFailed: 422, BodyTimeout: 408, MethodNotAllowed: 405}


def status_of(error: errors.VisionfleetError) -> int:
    """The HTTP status of an error: its own line in STATUS or its nearest ancestor's.

    A workflow's error carries its own, or the error that a step raised, whose status it then is.
    """
    if isinstance(error, errors.WorkflowError):
        cause = error.details.get("cause")
        return status_of(errors.from_dict(cause)) if cause else int(error.details.get("status") or 500)
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def from_pydantic(failure: ValidationError, place: str) -> ValidationFailed:
    """What pydantic found, without the input itself; ``place`` ("body", "query") starts every location."""
    issues = [
        {"type": issue["type"], "loc": [place, *issue["loc"]], "msg": issue["msg"]}
        for issue in failure.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ValidationFailed(issues)


def from_http(failure: web.HTTPException) -> errors.VisionfleetError:
    """Our form of the errors that aiohttp itself raises (no such route, wrong method, body over the limit)."""
    if isinstance(failure, web.HTTPNotFound):
        return errors.NotFound("There is no such route; /docs lists them.")
    if isinstance(failure, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(failure.allowed_methods))
        return MethodNotAllowed(f"{failure.method} is not allowed here; allowed: {allowed}.", allowed=allowed)
    if isinstance(failure, web.HTTPRequestEntityTooLarge):
        return errors.TooLarge("The request body is over the limit (VISIONFLEET_MAX_BODY_BYTES).")
    if failure.status < 500:
        return errors.InvalidRequest(failure.reason)
    return errors.VisionfleetError("Internal error.")


def phrase(status: int) -> str:
    """What the status is called, on every Python."""
    return PHRASE.get(status) or HTTPStatus(status).phrase


def as_response(error: errors.VisionfleetError, request_id: str, *, problem: bool) -> web.Response:
    """Write an error: RFC 9457 when ``problem``, else the shape that Roboflow clients read."""
    status = status_of(error)
    body = as_problem(error, status, request_id) if problem else as_message(error)
    headers = {}
    if status in RETRY_AFTER_S:
        headers["Retry-After"] = str(error.details.get("retry_after_s") or RETRY_AFTER_S[status])
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="visionfleet"'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.details["allowed"]
    content_type = "application/problem+json" if problem else "application/json"
    return web.Response(body=orjson.dumps(body), status=status, headers=headers, content_type=content_type)


def as_problem(error: errors.VisionfleetError, status: int, request_id: str) -> dict[str, Any]:
    """The RFC 9457 members, ours beside them."""
    body: dict[str, Any] = {
        "type": f"/docs#errors/{error.code}",
        "title": phrase(status),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
    }
    if isinstance(error, ValidationFailed):
        body["errors"] = error.issues
    if isinstance(error, errors.WorkflowError):
        body |= as_workflow_error(error)
    return body


# Errors that say which blocks are to blame; the others leave the fields out.
LOCATED = frozenset(
    {
        "WorkflowSyntaxError",
        "InvalidReferenceTargetError",
        "ExecutionGraphStructureError",
        "StepInputDimensionalityError",
        "ClientCausedStepExecutionError",
        "StepExecutionError",
        "DynamicBlockCodeError",
    }
)


def as_workflow_error(error: errors.WorkflowError) -> dict[str, Any]:
    """The shape that clients of workflows read. What is absent of the inner error is the text "None" there."""
    details = error.details
    located = details.get("error_type") in LOCATED or details.get("blocks_errors")
    body = {
        "message": error.message,
        "error_type": details.get("error_type"),
        "context": details.get("context"),
        "inner_error_type": str(details.get("inner_error_type")),
        "inner_error_message": str(details.get("inner_error_message")),
        "code": error.code,
    }
    if located:
        nothing = {"python_blocks_output_streams": None, "python_blocks_debug_traces": None}
        body |= {"blocks_errors": details.get("blocks_errors") or [], **nothing}
    return body


def as_message(error: errors.VisionfleetError) -> dict[str, Any]:
    """The Roboflow shape: ``message`` (or ``detail`` for a validation failure), with our code beside it."""
    if isinstance(error, ValidationFailed):
        return {"detail": error.issues, "code": error.code}
    if isinstance(error, errors.WorkflowError):
        return as_workflow_error(error)
    if isinstance(error, (errors.InvalidImage, errors.ImageTooLarge)):
        return {"message": f"Could not load input image. Cause: {error.message}", "code": error.code}
    return {"message": error.message, "code": error.code}
