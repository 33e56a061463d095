"""Asynchronous jobs: ``POST /v1/jobs``, ``GET /v1/jobs``.

A 202 means that the job's record and its place in the queue are in Redis. Images that cannot be had (bad base64, a URL
that does not answer) refuse the whole request; one that turns out undecodable in the worker fails alone, in its place
among the outputs.
"""

from __future__ import annotations

import structlog
from aiohttp import web

from api_service import body, catalog, fetching, idempotency, jobs, prefer, reply, submission, trace, workflows
from api_service.context import BACKEND, SETTINGS, call_of
from api_service.route import Route
from api_service.schemas.jobs import JobAnswer, JobList, JobRequest, ListQuery
from api_service.schemas.workflows import WorkflowRun
from api_service.settings import ApiSettings
from shared.errors import InvalidRequest, NoWorkerForHardware, TooLarge
from shared.jobs import Job, Terms
from shared.queue.ledger import Filter

log = structlog.get_logger(__name__)


async def submit(request: web.Request) -> web.Response:
    """Accept a job, once for each idempotency key; answer it finished when ``Prefer: wait=N`` sufficed."""
    settings, queue = request.app[SETTINGS], request.app[BACKEND].jobs
    preference = prefer.parse(",".join(request.headers.getall("Prefer", [])), settings.max_wait_s)
    key = idempotency.key_of(request)
    wanted, images = await submission.read(request)
    terms = terms_of(wanted, settings, key, await idempotency.fingerprint(wanted, images) if key else "")
    known = await queue.find(terms) if key else None  # first, because the images behind URLs may have gone since
    record = known or await queue.submit(await job_of(request, wanted, images), terms)
    if preference.wait > 0 and not record.done:
        record = await queue.wait(record.id, preference.wait)
    return jobs.accepted(record, preference.applied)


async def listed(request: web.Request) -> web.Response:
    """One page of jobs, newest first."""
    query = body.query(request, ListQuery)
    since_ms = int(query.since.timestamp() * 1000) if query.since is not None else 0
    wanted = Filter(query.state, query.model, query.lane, max(since_ms, 0), jobs.owner_to_list(request))
    found, cursor = await request.app[BACKEND].ledger.jobs(wanted, query.limit, query.cursor)
    return reply.json({"jobs": [jobs.summary(record) for record in found], "cursor": cursor or None})


async def job_of(request: web.Request, wanted: JobRequest, images: list[submission.Image]) -> Job:
    """The job to be queued. Raises what refuses it."""
    if wanted.workflow is not None:
        return await workflow_job_of(request, wanted, wanted.workflow)
    model, hardware = await target(request, wanted)
    job = Job(
        model=model,
        inputs=await submission.load(request, images),
        params=wanted.params,
        hardware=hardware,
        lane=wanted.priority,
        timeout_ms=int((wanted.timeout or request.app[SETTINGS].job_timeout_s) * 1000),
        metadata=wanted.metadata,
        trace=trace.of(request),
        owner=call_of(request).caller.owner,
        key=call_of(request).caller.key_id,
    )
    log.info("job.submitted", job=job.id, model=model, lane=job.lane, images=len(job.inputs), **job.trace)
    return job


async def workflow_job_of(request: web.Request, wanted: JobRequest, run: WorkflowRun) -> Job:
    """The job of a workflow's run. Raises what refuses it."""
    job = await workflows.job_of_run(request, run)
    job.hardware, job.lane, job.metadata = wanted.hardware, wanted.priority, wanted.metadata
    job.timeout_ms = int((wanted.timeout or request.app[SETTINGS].job_timeout_s) * 1000)
    job.trace = trace.of(request)
    if not wanted.allow_pending:
        await workflows.check_workers(request, wanted.hardware)
    log.info("job.submitted", job=job.id, model=job.model, lane=job.lane, images=len(job.inputs), **job.trace)
    return job


def terms_of(wanted: JobRequest, settings: ApiSettings, key: str, fingerprint: str) -> Terms:
    """The job's terms. Raises InvalidRequest or TooLarge when they are over a limit."""
    for name in ("result_ttl", "input_ttl"):
        if (getattr(wanted, name) or 0) > settings.max_result_ttl_s:
            raise InvalidRequest(
                f"`{name}` is at most {settings.max_result_ttl_s:g} s on this server (VISIONFLEET_MAX_RESULT_TTL_S)."
            )
    if len(reply.dumps(wanted.metadata)) > settings.max_metadata_bytes:
        limit = settings.max_metadata_bytes
        raise TooLarge(f"`metadata` is over the limit of {limit} bytes (VISIONFLEET_MAX_METADATA_BYTES).")
    return Terms(
        start_timeout_ms=int((wanted.start_timeout or 0) * 1000),
        result_ttl_ms=_milliseconds(wanted.result_ttl),
        input_ttl_ms=_milliseconds(wanted.input_ttl),
        webhook=wanted.webhook.model_dump() if wanted.webhook is not None else None,
        idempotency_key=key,
        fingerprint=fingerprint,
    )


async def target(request: web.Request, wanted: JobRequest) -> tuple[str, str]:
    """Model id and hardware to queue under; refuses what nobody can run unless the caller is ready to wait."""
    catalog.check_id(wanted.model)
    try:
        fleet, model = await fetching.find(request, wanted.model)
    except NoWorkerForHardware:
        if not wanted.allow_pending:
            raise
        return catalog.check_seen(request, wanted.model), wanted.hardware
    call_of(request).model_id = model.id
    call_of(request).cold_start = not model.loaded_on and model.id not in fleet.active
    return model.id, catalog.place(model, wanted.hardware, allow_pending=wanted.allow_pending)


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


TAG = "Jobs"
SENT = {
    "Idempotency-Key": "1 to 255 characters: the same key with the same request is the same job.",
    "Prefer": "`respond-async`, `wait=N`: seconds to wait for the end of the job.",
    "traceparent": "W3C trace context, carried into the job, its logs and its webhooks.",
}
ROUTES = [
    Route(
        *("POST", "/v1/jobs", submit, TAG, "Submit a job: 202 when accepted, 200 when done within `Prefer: wait=N`."),
        scope="jobs",
        body=JobRequest,
        also_as=("application/msgpack", "multipart/form-data"),
        headers=SENT,
        answer=JobAnswer,
        status=(202, 404, 409, 413),
    ),
    Route("GET", "/v1/jobs", listed, TAG, "List jobs, newest first.", query=ListQuery, answer=JobList, scope="jobs"),
]
