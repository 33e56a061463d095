"""A job -> the one call that accepts it, and what the call's answer means. Whoever submits goes through here."""

from __future__ import annotations

import re
from typing import Any

from shared import keys
from shared.codec import encode_job, pack
from shared.errors import (
    IdempotencyMismatch,
    InvalidRequest,
    QueueFull,
    QueueUnavailable,
    QuotaExceeded,
    VisionfleetError,
)
from shared.jobs import Job, Terms
from shared.queue import scripts
from shared.redis import Call, RedisError
from shared.settings import QueueSettings

NO_ROOM = re.compile(r"used memory > 'maxmemory'|\bMISCONF\b")
"""Redis at its maxmemory, or unable to write its file; the error's code may be in front, amid the text, or missing."""
END_EVENTS = ("succeeded", "failed", "canceled", "expired")
"""What a webhook is told of unless it names its events; the other one is ``started``."""


def submission(job: Job, settings: QueueSettings, terms: Terms | None = None, *, reply: str = "") -> Call:
    """The call that accepts the job: an asynchronous one with ``terms``, or one answered on the stream ``reply``."""
    stream, body = keys.queue(job.hardware, job.lane, job.model), encode_job(job)
    names = [stream, keys.QUEUES, keys.BYTES]
    arguments: list[str | bytes | float] = [keys.GROUP, job.id, body, len(body), job.timeout_ms, reply]
    arguments += [settings.max_queue_depth, settings.max_queue_bytes, job.owner]
    if terms is None:
        return scripts.SUBMIT(names, *arguments)
    ttl_ms = _or_seconds(terms.result_ttl_ms, settings.result_ttl_s)
    return scripts.SUBMIT(
        [*names, keys.job(job.id), keys.JOBS, keys.DUE, keys.idempotency(terms.idempotency_key)],
        *(*arguments, max(ttl_ms, 1), terms.start_timeout_ms),
        *(terms.fingerprint, int(settings.idempotency_ttl_s * 1000), settings.max_listed_jobs),
        *_record(job, terms, _or_seconds(terms.input_ttl_ms, settings.input_ttl_s)),
    )


def lifetime_ms(job: Job, settings: QueueSettings, terms: Terms) -> int:
    """How long from now anything of the job can be needed."""
    result = _or_seconds(terms.result_ttl_ms, settings.result_ttl_s)
    return job.timeout_ms + max(result, _or_seconds(terms.input_ttl_ms, settings.input_ttl_s))


def accepted(answer: Any) -> tuple[int, str]:
    """When the job was accepted (ms), and the id of the job that its idempotency key stood for already, or "".

    Raises QueueFull, QuotaExceeded, QueueUnavailable, IdempotencyMismatch, and InvalidRequest when the id is taken.
    """
    if isinstance(answer, RedisError):
        raise refusal(answer) from answer
    status, value = answer[0].decode(), answer[1]
    if status == "same":
        return 0, value.decode()
    if status == "mismatch":
        raise IdempotencyMismatch("This Idempotency-Key was sent before with another request; use a new key.")
    refuse(status, value)
    return int(value), ""


def refuse(status: str, number: int) -> None:
    """Raise the error that a refused submission means; "ok" passes."""
    if status == "depth":
        raise QueueFull(f"The queue of this model holds {number} jobs, which is its limit; try again later.")
    if status == "bytes":
        raise QueueFull(f"The queues hold {number} bytes of jobs, which is their limit; try again later.")
    if status == "quota":
        raise QuotaExceeded(f"Your share of the queue is used up by {number} unfinished jobs; try again later.")
    if status == "exists":
        raise InvalidRequest("There is already a job with this id.")


def refusal(error: BaseException) -> VisionfleetError:
    """What a failed call means to the caller: full, or away."""
    if NO_ROOM.search(str(error)):
        return QueueFull("The queue's memory or disk is full; try again later.")
    return QueueUnavailable("The job queue cannot be reached; try again in a moment.")


def _record(job: Job, terms: Terms, input_ttl_ms: int) -> list[str | bytes | int]:
    """Names and values of the record."""
    fields: dict[str, str | bytes | int] = {"model": job.model, "hardware": job.hardware, "lane": job.lane}
    fields |= {"metadata": pack(job.metadata), "trace": pack(job.trace), "images": len(job.inputs)}
    if job.owner:
        fields["owner"] = job.owner
    if job.folder:
        fields["folder"] = job.folder
    if input_ttl_ms > 0:
        fields["input_ttl"] = input_ttl_ms
    if terms.webhook is not None:
        fields["webhook"] = pack(terms.webhook)
        fields["webhook_events"] = ",".join(terms.webhook.get("events") or END_EVENTS)
    return [part for field in fields.items() for part in field]


def _or_seconds(given_ms: int | None, setting_s: float) -> int:
    return int(setting_s * 1000) if given_ms is None else given_ms
