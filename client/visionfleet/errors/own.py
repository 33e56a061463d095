"""Errors that a client meets by itself."""

from __future__ import annotations

from visionfleet.errors.base import VisionfleetError
from visionfleet.errors.mirrored import InvalidRequest, Unavailable


class ValidationFailed(InvalidRequest):
    """A field has the wrong type or is out of range; the message names it. The front door's own."""

    default_code = "validation_failed"


class ServerUnreachable(Unavailable):
    """No connection to the server, or it broke. ``maybe_done``: the request may have arrived before."""

    default_code = "server_unreachable"
    maybe_done = False


class BadAnswer(VisionfleetError):
    """What answered does not speak as a Visionfleet server does."""

    default_code = "bad_answer"


class BadSignature(VisionfleetError):
    """A webhook was not signed with the secret, or too long ago."""

    default_code = "bad_signature"


class NotInstalled(VisionfleetError):
    """A package that this call needs is missing; the message says how to install it."""

    default_code = "not_installed"
