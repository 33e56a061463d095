"""Errors of the client. They mirror the server's: same codes, same names, same tree.

VisionfleetError
├── InvalidRequest              something in the request is wrong
│   ├── InvalidImage            the image cannot be read or decoded
│   ├── InvalidModelId          the id is not of the form name or project/version
│   ├── UnsupportedTask         the model does not do what was asked of it
│   ├── ValidationFailed        a field of the request has the wrong type or is out of range
│   └── IdempotencyMismatch     the key was used before, with another request
├── TooLarge                    over a limit on bytes, pixels or items
│   └── ImageTooLarge           more pixels than the server decodes
├── NotFound
│   ├── ModelNotFound
│   ├── LetterNotFound          the dead letter was retried, purged, or never there
│   └── JobNotFound
├── Unavailable                 try again later; the client has already done so
│   ├── NoWorkerForHardware
│   ├── QueueFull
│   ├── QueueUnavailable
│   ├── BlobsUnavailable
│   └── ServerUnreachable       no connection, or it broke (the client's own)
├── DeadlineExceeded            nobody finished in time
│   └── JobExpired              there is no result, because the job expired
├── Conflict                    the state of things does not allow it
│   ├── JobFinished             it ended otherwise already
│   ├── NotFinished             it has not ended yet
│   ├── InputGone               the images were not kept
│   └── IdempotencyConflict     the key's job is no more
├── JobCanceled
├── ModelLoadFailed
├── InferenceFailed
├── JobPoisoned
├── BadAnswer                   what answered is no Visionfleet server (the client's own)
├── BadSignature                a webhook is not the server's (the client's own)
└── NotInstalled                a package that this call needs is missing (the client's own)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override


class VisionfleetError(Exception):
    """Root of the tree, and the error of codes that this version does not know.

    Attributes:
        code: stable machine code.
        status: HTTP status of the answer; None when there was none.
        retryable: whether the same call may succeed later.
        retry_after: seconds that the server asked to wait, when it did.
        details: what else the server told.
    """

    default_code: ClassVar[str] = "internal"
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, status: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.status = status
        self.retryable = self.default_retryable
        self.retry_after: float | None = None
        self.details = details

    @override
    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """Code, message, retryable and details."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}


class InvalidRequest(VisionfleetError):
    """Something in the request is wrong; sending it again will not help."""

    default_code = "invalid_request"


class InvalidImage(InvalidRequest):
    """The image cannot be read, or its bytes are no image."""

    default_code = "invalid_image"


class InvalidModelId(InvalidRequest):
    """A model id is ``name`` or ``project/version``."""

    default_code = "invalid_model_id"


class UnsupportedTask(InvalidRequest):
    """The model does another task than the one asked for."""

    default_code = "unsupported_task"


class ValidationFailed(InvalidRequest):
    """A field has the wrong type or is out of range; the message names it."""

    default_code = "validation_failed"


class IdempotencyMismatch(InvalidRequest):
    """The idempotency key was used before, with another request."""

    default_code = "idempotency_mismatch"


class TooLarge(VisionfleetError):
    """Over a limit on bytes, pixels or items."""

    default_code = "too_large"


class ImageTooLarge(TooLarge):
    """The image has more pixels than the server decodes."""

    default_code = "image_too_large"


class NotFound(VisionfleetError):
    """There is nothing under that name."""

    default_code = "not_found"


class ModelNotFound(NotFound):
    """No live worker has the model."""

    default_code = "model_not_found"


class JobNotFound(NotFound):
    """The job was never accepted, was deleted, or its record expired."""

    default_code = "job_not_found"


class LetterNotFound(NotFound):
    """There is no such dead letter: it was retried, purged, or never there."""

    default_code = "letter_not_found"


class Unavailable(VisionfleetError):
    """Not now; the same call may succeed later."""

    default_code = "unavailable"
    default_retryable = True


class NoWorkerForHardware(Unavailable):
    """No live worker carries the hardware tag."""

    default_code = "no_worker_for_hardware"


class QueueFull(Unavailable):
    """The server takes no more work for now."""

    default_code = "queue_full"


class QueueUnavailable(Unavailable):
    """The server's Redis does not answer."""

    default_code = "queue_unavailable"


class BlobsUnavailable(Unavailable):
    """The server's store of large images and results does not answer."""

    default_code = "blobs_unavailable"


class ServerUnreachable(Unavailable):
    """No connection to the server, or it broke. ``maybe_done``: the request may have arrived before."""

    default_code = "server_unreachable"
    maybe_done = False


class DeadlineExceeded(VisionfleetError):
    """Nobody finished in time."""

    default_code = "deadline_exceeded"
    default_retryable = True


class JobExpired(DeadlineExceeded):
    """The job has no result, because nobody finished it within its time."""

    default_code = "job_expired"
    default_retryable = False


class Conflict(VisionfleetError):
    """The state of things does not allow what was asked for."""

    default_code = "conflict"


class JobFinished(Conflict):
    """The job has ended already, in another state than the one asked for."""

    default_code = "job_finished"


class NotFinished(Conflict):
    """The job has not ended yet."""

    default_code = "not_finished"


class InputGone(Conflict):
    """The job cannot run again, because its images were not kept."""

    default_code = "input_gone"


class IdempotencyConflict(Conflict):
    """The idempotency key stands for a job that is being made or that is no more."""

    default_code = "idempotency_conflict"


class JobCanceled(VisionfleetError):
    """Somebody canceled the job."""

    default_code = "canceled"


class ModelLoadFailed(VisionfleetError):
    """The model's files are missing, changed, or of a layout that no family reads."""

    default_code = "model_load_failed"


class InferenceFailed(VisionfleetError):
    """The model raised while it ran."""

    default_code = "inference_failed"


class JobPoisoned(VisionfleetError):
    """Every worker that took the job was lost."""

    default_code = "poisoned"


class BadAnswer(VisionfleetError):
    """What answered does not speak as a Visionfleet server does."""

    default_code = "bad_answer"


class BadSignature(VisionfleetError):
    """A webhook was not signed with the secret, or too long ago."""

    default_code = "bad_signature"


class NotInstalled(VisionfleetError):
    """A package that this call needs is missing; the message says how to install it."""

    default_code = "not_installed"


def _tree(cls: type[VisionfleetError]) -> list[type[VisionfleetError]]:
    return [cls] + [leaf for child in cls.__subclasses__() for leaf in _tree(child)]


BY_CODE: dict[str, type[VisionfleetError]] = {cls.default_code: cls for cls in _tree(VisionfleetError)}


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
