"""The errors that cross a process or reach a user.

Every error has a stable machine ``code`` and says whether the same call may succeed later (``retryable``). The HTTP
status of each is assigned once, in ``api_service/errors.py``. Messages tell the user what to do and carry no internals.

    VisionfleetError
    ├── InvalidRequest              something in the request is wrong
    │   ├── InvalidImage            the bytes are no image that we can decode
    │   ├── InvalidModelId          the id is not of the form name or project/version
    │   ├── UnsupportedTask         the model does not do what was asked of it
    │   ├── IdempotencyMismatch     the key was used before, with another request
    │   └── SourceError             a camera or a video cannot be read
    │       ├── SourceUnreachable   nobody answers there, or not in time
    │       ├── SourceUnauthorized  user name or password are wrong
    │       ├── SourceNotFound      there is nothing under that path
    │       ├── SourceUnsupported   it is no video, or of a kind that we do not decode
    │       └── SourceRefused       this server may not open it
    ├── TooLarge                    over a limit on bytes, pixels or items
    │   └── ImageTooLarge           the header says more pixels than we decode
    ├── NotFound
    │   ├── ModelNotFound           no worker's repository has it
    │   ├── StreamNotFound          there is no such stream, or it was terminated
    │   ├── LetterNotFound          it was retried, purged, or never there
    │   └── JobNotFound             never accepted, deleted, or its record expired
    ├── Unauthorized                no API key, or none that works
    ├── Forbidden                   the API key does not allow it
    ├── Unavailable                 try again later
    │   ├── NoWorkerForHardware     no live worker carries the tag
    │   ├── ModelNotReady           it is still being loaded
    │   ├── QueueFull               admission refused: depth or bytes
    │   │   └── QuotaExceeded       the caller's own share of the queue is used up
    │   ├── RateLimited             the API key sends too many requests per second
    │   ├── TooManyAtOnce           the API key has too many requests under way
    │   ├── QueueUnavailable        Redis does not answer
    │   ├── NoStreamService         no stream service is alive
    │   ├── StreamsFull             every stream service holds as many sources as it may
    │   ├── StreamsOverloaded       workers could give streams too few of the frames that they ask for
    │   ├── SinkUnavailable         where results should go does not take them
    │   └── BlobsUnavailable        the store of large images and results does not answer
    ├── DeadlineExceeded            nobody finished it in time
    │   └── JobExpired              there is no result, because the job expired
    ├── JobCanceled                 somebody canceled it
    ├── Conflict                    the state of things does not allow it
    │   ├── JobFinished             it ended otherwise already
    │   ├── NotFinished             it has not ended yet
    │   ├── LeaseLost               another stream service owns the stream now
    │   ├── InputGone               the images were not kept
    │   ├── NotRepeated             an earlier attempt has acted on the world already
    │   └── IdempotencyConflict     the key's job is no more
    ├── ModelLoadFailed             the model's files are broken or unsupported
    ├── InferenceFailed             the model raised
    ├── WorkflowError               a workflow's definition, inputs or steps; ``details`` say which block
    └── JobPoisoned                 it was tried max_attempts times and every worker was lost
"""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

BY_CODE: dict[str, type[VisionfleetError]] = {}
"""Every class that has a code of its own, those of other modules too once they are imported."""


class VisionfleetError(Exception):
    """Root of the tree; never raised itself except for codes that a newer peer sent."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" in vars(cls):
            BY_CODE[cls.code] = cls

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    @override
    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """The form that travels in results: code, message, retryable and details."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable, "details": self.details}


class InvalidRequest(VisionfleetError):
    """Something in the request is wrong; sending it again will not help."""

    code = "invalid_request"


class InvalidImage(InvalidRequest):
    """The bytes are no image that we can decode: not an image, truncated, or empty."""

    code = "invalid_image"


class InvalidModelId(InvalidRequest):
    """A model id is ``name`` or ``project/version``: letters, digits, ``.``, ``_`` and ``-``, one slash at most."""

    code = "invalid_model_id"


class UnsupportedTask(InvalidRequest):
    """The model exists and does another task than the one asked for."""

    code = "unsupported_task"


class IdempotencyMismatch(InvalidRequest):
    """The Idempotency-Key was used before, with another request."""

    code = "idempotency_mismatch"


class SourceError(InvalidRequest):
    """A camera or a video cannot be read. Messages never show its credentials."""

    code = "source_error"


class SourceUnreachable(SourceError):
    """Nobody answers at the source's address, or not in time."""

    code = "source_unreachable"
    retryable = True


class SourceUnauthorized(SourceError):
    """The source wants another user name or password."""

    code = "source_unauthorized"


class SourceNotFound(SourceError):
    """The source's host answers and has nothing under that path."""

    code = "source_not_found"


class SourceUnsupported(SourceError):
    """The source is no video, or of a format that we do not decode."""

    code = "source_unsupported"


class SourceRefused(SourceError):
    """The rules of this server do not let it open the source; the message names the setting."""

    code = "source_refused"


class TooLarge(VisionfleetError):
    """Over a limit on bytes, pixels or items; the message names the limit and its setting."""

    code = "too_large"


class ImageTooLarge(TooLarge):
    """The image's header declares more pixels than we are willing to decode."""

    code = "image_too_large"


class NotFound(VisionfleetError):
    """There is nothing under that name."""

    code = "not_found"


class ModelNotFound(NotFound):
    """No live worker's repository holds the model."""

    code = "model_not_found"


class JobNotFound(NotFound):
    """The job was never accepted, was deleted, or its record expired."""

    code = "job_not_found"


class StreamNotFound(NotFound):
    """There is no stream of that id, or it was terminated."""

    code = "stream_not_found"


class LetterNotFound(NotFound):
    """There is no such dead letter: it was retried, purged, or never there."""

    code = "letter_not_found"


class Unauthorized(VisionfleetError):
    """The request carries no API key, or none that works."""

    code = "unauthorized"


class Forbidden(VisionfleetError):
    """The API key works and does not allow this, or the request comes from another site's page."""

    code = "forbidden"


class Unavailable(VisionfleetError):
    """Not now; the same call may succeed later."""

    code = "unavailable"
    retryable = True


class NoWorkerForHardware(Unavailable):
    """No live worker carries the hardware tag that the request or the model asks for."""

    code = "no_worker_for_hardware"


class ModelNotReady(Unavailable):
    """The model is still being loaded."""

    code = "model_not_ready"


class QueueFull(Unavailable):
    """Admission refused the job: the queue is at its depth or byte limit."""

    code = "queue_full"


class QuotaExceeded(QueueFull):
    """The caller's own share of the queue is used up; others are served."""

    code = "quota_exceeded"


class RateLimited(Unavailable):
    """The API key sends more requests than its rate allows."""

    code = "rate_limited"


class TooManyAtOnce(Unavailable):
    """The API key has as many requests under way as it may."""

    code = "too_many_at_once"


class QueueUnavailable(Unavailable):
    """Redis does not answer."""

    code = "queue_unavailable"


class NoStreamService(Unavailable):
    """No stream service is alive, so nobody could open the source."""

    code = "no_stream_service"


class StreamsFull(Unavailable):
    """Every live stream service holds as many sources as it may."""

    code = "streams_full"


class StreamsOverloaded(Unavailable):
    """The workers could give streams only a small part of the frames that they ask for."""

    code = "streams_overloaded"


class SinkUnavailable(Unavailable):
    """Where a stream's results should go does not take them: no connection, no room, no answer."""

    code = "sink_unavailable"


class BlobsUnavailable(Unavailable):
    """The store of large images and results does not answer, or lacks its library."""

    code = "blobs_unavailable"


class DeadlineExceeded(VisionfleetError):
    """Nobody finished the job within its time."""

    code = "deadline_exceeded"
    retryable = True


class JobExpired(DeadlineExceeded):
    """The job has no result, because nobody finished it within its time."""

    code = "job_expired"
    retryable = False


class Conflict(VisionfleetError):
    """The state of things does not allow what was asked for."""

    code = "conflict"


class JobFinished(Conflict):
    """The job has ended already, in another state than the one asked for."""

    code = "job_finished"


class NotFinished(Conflict):
    """The job has not ended yet."""

    code = "not_finished"


class LeaseLost(Conflict):
    """Another stream service owns the stream now, or nobody does any more."""

    code = "lease_lost"


class InputGone(Conflict):
    """The job cannot run again, because its images were not kept."""

    code = "input_gone"


class NotRepeated(Conflict):
    """A run with sinks was interrupted after they had begun to act; it is not run again."""

    code = "not_repeated"


class IdempotencyConflict(Conflict):
    """The Idempotency-Key stands for a job that is being made or that is no more."""

    code = "idempotency_conflict"


class JobCanceled(VisionfleetError):
    """Somebody canceled the job."""

    code = "canceled"


class ModelLoadFailed(VisionfleetError):
    """The model's files are missing, changed, or of a layout that no family reads."""

    code = "model_load_failed"


class InferenceFailed(VisionfleetError):
    """The model raised while it ran."""

    code = "inference_failed"


class WorkflowError(VisionfleetError):
    """A workflow could not be compiled or run. ``shared/workflows/errors.py`` has one class for each way."""

    code = "workflow_error"


class JobPoisoned(VisionfleetError):
    """Every worker that took the job was lost; it is in the dead-letter stream now."""

    code = "poisoned"


def from_dict(data: dict[str, Any]) -> VisionfleetError:
    """Rebuild the error that ``to_dict`` wrote; an unknown code keeps its message as a plain ``VisionfleetError``."""
    cls = BY_CODE.get(str(data.get("code")), VisionfleetError)
    details = {str(name): value for name, value in dict(data.get("details") or {}).items() if name != "message"}
    return cls(str(data.get("message", "Internal error.")), **details)
