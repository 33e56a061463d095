"""The server's errors. Made from those of shared/ by tests/unit/client/mirror_errors.py."""

from __future__ import annotations

from visionfleet.errors.base import VisionfleetError

__all__ = [
    "BatchNotFound",
    "BlobsUnavailable",
    "CodeFailed",
    "Conflict",
    "DeadlineExceeded",
    "DeliveryNotFound",
    "EgressFailed",
    "EgressRefused",
    "Forbidden",
    "IdempotencyConflict",
    "IdempotencyMismatch",
    "ImageTooLarge",
    "InferenceFailed",
    "InputGone",
    "InvalidImage",
    "InvalidModelId",
    "InvalidRequest",
    "JobCanceled",
    "JobExpired",
    "JobFinished",
    "JobNotFound",
    "JobPoisoned",
    "KeyNotFound",
    "LeaseLost",
    "LetterNotFound",
    "ModelLoadFailed",
    "ModelNotFound",
    "ModelNotReady",
    "NoStreamService",
    "NoWorkerForHardware",
    "NotFinished",
    "NotFound",
    "NotRepeated",
    "QueueFull",
    "QueueUnavailable",
    "QuotaExceeded",
    "RateLimited",
    "SecretNotFound",
    "SinkUnavailable",
    "SourceError",
    "SourceNotFound",
    "SourceRefused",
    "SourceUnauthorized",
    "SourceUnreachable",
    "SourceUnsupported",
    "StreamNotFound",
    "StreamsFull",
    "StreamsOverloaded",
    "TooLarge",
    "TooManyAtOnce",
    "Unauthorized",
    "Unavailable",
    "UnsupportedTask",
    "WorkflowError",
    "WorkflowNotFound",
    "WorkflowTaken",
]


class InvalidRequest(VisionfleetError):
    """Something in the request is wrong; sending it again will not help."""

    default_code = "invalid_request"


class InvalidImage(InvalidRequest):
    """The bytes are no image that we can decode: not an image, truncated, or empty."""

    default_code = "invalid_image"


class InvalidModelId(InvalidRequest):
    """A model id is ``name`` or ``project/version``: letters, digits, ``.``, ``_`` and ``-``, one slash at most."""

    default_code = "invalid_model_id"


class UnsupportedTask(InvalidRequest):
    """The model exists and does another task than the one asked for."""

    default_code = "unsupported_task"


class IdempotencyMismatch(InvalidRequest):
    """The Idempotency-Key was used before, with another request."""

    default_code = "idempotency_mismatch"


class SourceError(InvalidRequest):
    """A camera or a video cannot be read. Messages never show its credentials."""

    default_code = "source_error"


class SourceUnreachable(SourceError):
    """Nobody answers at the source's address, or not in time."""

    default_code = "source_unreachable"
    default_retryable = True


class SourceUnauthorized(SourceError):
    """The source wants another user name or password."""

    default_code = "source_unauthorized"


class SourceNotFound(SourceError):
    """The source's host answers and has nothing under that path."""

    default_code = "source_not_found"


class SourceUnsupported(SourceError):
    """The source is no video, or of a format that we do not decode."""

    default_code = "source_unsupported"


class SourceRefused(SourceError):
    """The rules of this server do not let it open the source; the message names the setting."""

    default_code = "source_refused"


class TooLarge(VisionfleetError):
    """Over a limit on bytes, pixels or items; the message names the limit and its setting."""

    default_code = "too_large"


class ImageTooLarge(TooLarge):
    """The image's header declares more pixels than we are willing to decode."""

    default_code = "image_too_large"


class NotFound(VisionfleetError):
    """There is nothing under that name."""

    default_code = "not_found"


class ModelNotFound(NotFound):
    """No live worker's repository holds the model."""

    default_code = "model_not_found"


class JobNotFound(NotFound):
    """The job was never accepted, was deleted, or its record expired."""

    default_code = "job_not_found"


class StreamNotFound(NotFound):
    """There is no stream of that id, or it was terminated."""

    default_code = "stream_not_found"


class LetterNotFound(NotFound):
    """There is no such dead letter: it was retried, purged, or never there."""

    default_code = "letter_not_found"


class Unauthorized(VisionfleetError):
    """The request carries no API key, or none that works."""

    default_code = "unauthorized"


class Forbidden(VisionfleetError):
    """The API key works and does not allow this, or the request comes from another site's page."""

    default_code = "forbidden"


class Unavailable(VisionfleetError):
    """Not now; the same call may succeed later."""

    default_code = "unavailable"
    default_retryable = True


class NoWorkerForHardware(Unavailable):
    """No live worker carries the hardware tag that the request or the model asks for."""

    default_code = "no_worker_for_hardware"


class ModelNotReady(Unavailable):
    """The model is still being loaded."""

    default_code = "model_not_ready"


class QueueFull(Unavailable):
    """Admission refused the job: the queue is at its depth or byte limit."""

    default_code = "queue_full"


class QuotaExceeded(QueueFull):
    """The caller's own share of the queue is used up; others are served."""

    default_code = "quota_exceeded"


class RateLimited(Unavailable):
    """The API key sends more requests than its rate allows."""

    default_code = "rate_limited"


class TooManyAtOnce(Unavailable):
    """The API key has as many requests under way as it may."""

    default_code = "too_many_at_once"


class QueueUnavailable(Unavailable):
    """Redis does not answer."""

    default_code = "queue_unavailable"


class NoStreamService(Unavailable):
    """No stream service is alive, so nobody could open the source."""

    default_code = "no_stream_service"


class StreamsFull(Unavailable):
    """Every live stream service holds as many sources as it may."""

    default_code = "streams_full"


class StreamsOverloaded(Unavailable):
    """The workers could give streams only a small part of the frames that they ask for."""

    default_code = "streams_overloaded"


class SinkUnavailable(Unavailable):
    """Where a stream's results should go does not take them: no connection, no room, no answer."""

    default_code = "sink_unavailable"


class BlobsUnavailable(Unavailable):
    """The store of large images and results does not answer, or lacks its library."""

    default_code = "blobs_unavailable"


class DeadlineExceeded(VisionfleetError):
    """Nobody finished the job within its time."""

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


class LeaseLost(Conflict):
    """Another stream service owns the stream now, or nobody does any more."""

    default_code = "lease_lost"


class InputGone(Conflict):
    """The job cannot run again, because its images were not kept."""

    default_code = "input_gone"


class NotRepeated(Conflict):
    """A run with sinks was interrupted after they had begun to act; it is not run again."""

    default_code = "not_repeated"


class IdempotencyConflict(Conflict):
    """The Idempotency-Key stands for a job that is being made or that is no more."""

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


class WorkflowError(VisionfleetError):
    """A workflow could not be compiled or run. ``shared/workflows/errors.py`` has one class for each way."""

    default_code = "workflow_error"


class JobPoisoned(VisionfleetError):
    """Every worker that took the job was lost; it is in the dead-letter stream now."""

    default_code = "poisoned"


class KeyNotFound(NotFound):
    """There is no API key with this id."""

    default_code = "key_not_found"


class BatchNotFound(NotFound):
    """There is no batch with this id: it was never accepted, or its record expired."""

    default_code = "batch_not_found"


class EgressRefused(InvalidRequest):
    """The URL leads where this server does not go; the message says which rule refused it."""

    default_code = "egress_refused"


class EgressFailed(InvalidRequest):
    """The URL is allowed, and nothing usable came back; ``details`` have the ``status`` when something answered."""

    default_code = "egress_failed"


class DeliveryNotFound(NotFound):
    """There is no delivery with this id: none was made, or its retention is over."""

    default_code = "delivery_not_found"


class SecretNotFound(NotFound):
    """There is no webhook secret with this id."""

    default_code = "webhook_secret_not_found"


class CodeFailed(InvalidRequest):
    """The code of a Python block raised; the message tells what, and the line."""

    default_code = "python_block_failed"


class WorkflowNotFound(NotFound):
    """There is no saved workflow of that id, or not in that version."""

    default_code = "workflow_not_found"


class WorkflowTaken(Conflict):
    """The id is another owner's."""

    default_code = "workflow_taken"
