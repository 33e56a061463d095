"""A job's way through this worker as spans, made when it is over: queue, then worker with what it did inside."""

from __future__ import annotations

from shared import tracing
from shared.jobs import Job, JobResult
from shared.queue.consumer import Taken
from worker_service.consumer.work import Work, clock_ms


def tell(work: Work, worker: str, error: str) -> str:
    """Record the spans of a job, if its trace is followed; returns the worker's traceparent, or ""."""
    job, parent = work.taken.job, tracing.of(work.taken.job.trace)
    if not parent or not tracing.enabled():
        return ""
    now = clock_ms()
    began = tracing.ago_ns(now - work.started)
    parent = queued(job, parent, began, work.taken.waited_ms)
    about: dict[str, str | int] = {
        "visionfleet.worker": worker,
        "visionfleet.attempt": work.taken.attempt,
        "visionfleet.batch": work.batch,
    }
    inside = tracing.begin("worker", parent, "consumer", {**attributes(job), **about}, began)
    if inside is None:
        return ""
    for phase, ended, spent in work.marks:
        tracing.record(phase, inside.traceparent, tracing.ago_ns(now - ended + spent), tracing.ago_ns(now - ended))
    inside.end(error=error)
    return inside.traceparent


def follow(result: JobResult, taken: Taken, traceparent: str) -> None:
    """Write the worker's span into a result that a webhook will tell of: its span is a child of it."""
    if traceparent and taken.recorded:
        result.extra["traceparent"] = traceparent


def queued(job: Job, parent: str, until_ns: int, waited_ms: float) -> str:
    """Record the job's wait; returns the traceparent for what follows it."""
    begun = until_ns - int(waited_ms * 1e6)
    return tracing.record("queue", parent, begun, until_ns, kind="producer", attributes=attributes(job))


def attributes(job: Job) -> dict[str, str]:
    """What names a job in a trace."""
    named = {
        "visionfleet.job": job.id,
        "visionfleet.model": job.model,
        "visionfleet.lane": job.lane,
        "visionfleet.request_id": job.trace.get("request_id", ""),
    }
    return {name: value for name, value in named.items() if value}
