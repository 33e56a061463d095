"""From what a server wrote to the error that it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visionfleet.errors import mirrored, own
from visionfleet.errors.base import VisionfleetError

BY_CODE: dict[str, type[VisionfleetError]] = {
    cls.default_code: cls
    for module in (mirrored, own)
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, VisionfleetError)
}


def from_dict(data: Mapping[str, Any], status: int | None = None) -> VisionfleetError:
    """The error that a server wrote as {code, message, retryable, details}; an unknown code stays in ``.code``."""
    code = str(data.get("code") or "internal")
    reserved = ("message", "code", "status")
    details = {str(name): value for name, value in dict(data.get("details") or {}).items() if name not in reserved}
    message = str(data.get("message") or "The server gave no reason.")
    error = BY_CODE.get(code, VisionfleetError)(message, code=code, status=status, **details)
    if isinstance(data.get("retryable"), bool):
        error.retryable = data["retryable"]
    return error
