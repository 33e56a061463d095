"""Bodies of error answers."""

from __future__ import annotations

from pydantic import Field

from api_service.schemas.base import Answer


class Problem(Answer):
    """RFC 9457 problem of the `/v1` routes."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str


class Message(Answer):
    """Error of the Roboflow-compatible routes."""

    message: str
    code: str


class ValidationIssue(Answer):
    """One field that is wrong."""

    type: str
    loc: list[str | int]
    msg: str


class ValidationFailed(Answer):
    """Answer 422."""

    detail: list[ValidationIssue] = Field(description="Every field that is wrong.")
    code: str
