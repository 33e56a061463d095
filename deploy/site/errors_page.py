"""Errors: from shared/errors.py, with the HTTP status that the API gives each."""

from __future__ import annotations

from collections.abc import Iterator

from api_service.errors import status_of
from shared import errors

HEAD = """# Errors

Every error has a `code` that stays the same, a message that says what to do, and `retryable`. The Python client
raises a class of the same name and tree (`visionfleet.errors`); the command line ends with an exit code of its own.

`/v1` answers `application/problem+json` (RFC 9457) with `code` and `retryable`; the routes that Roboflow's clients use
answer `{"message", "code"}`.

| Code | Status | Class | What it means | Again? |
|---|---|---|---|---|
"""


def page() -> str:
    """The page."""
    return HEAD + "".join(row(cls) for cls in tree(errors.VisionfleetError))


def tree(cls: type[errors.VisionfleetError]) -> Iterator[type[errors.VisionfleetError]]:
    """The classes of shared/errors.py, parents first."""
    if cls.__module__ == errors.__name__:
        yield cls
    for child in cls.__subclasses__():
        yield from tree(child)


def row(cls: type[errors.VisionfleetError]) -> str:
    """One line of the table."""
    doc = (cls.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
    again = "yes" if cls.retryable else ""
    return f"| `{cls.code}` | {status_of(cls('x'))} | `{cls.__name__}` | {doc} | {again} |\n"
