"""One asynchronous job: look at it, wait for it, take its result, cancel it, run it again, erase it."""

from __future__ import annotations

from aiohttp import web

from api_service import body, jobs, reply, trace
from api_service.context import BACKEND, SETTINGS, call_of
from api_service.route import Route
from api_service.schemas.jobs import JobAnswer, JobResultAnswer, WaitQuery
from shared.errors import JobExpired, from_dict
from shared.jobs import JobRecord


async def get(request: web.Request) -> web.Response:
    """The job as it is now, or when it ends within ``?wait=`` seconds; 304 when the client has just that."""
    record = await look(request)
    response = reply.json(jobs.show(record))
    if not record.done:
        response.headers["Retry-After"] = jobs.POLL_AGAIN_S
    return jobs.tagged(request, response)


async def result(request: web.Request) -> web.Response:
    """What came out: 200, 202 while there is nothing yet, or the problem that ended the job."""
    record = await look(request)
    if not record.done:
        response = reply.negotiated(request, jobs.outcome(record), 202)
        response.headers["Retry-After"] = jobs.POLL_AGAIN_S
        return response
    if record.state == "expired":
        raise JobExpired("The job has no result, because nobody finished it within its time.")
    if record.result is not None and record.result.error is not None:
        raise from_dict(record.result.error)
    return jobs.tagged(request, reply.negotiated(request, jobs.outcome(record)))


async def cancel(request: web.Request) -> web.Response:
    """A job that waits never runs; the result of one that runs does not count."""
    job_id = await jobs.own(request)
    await request.app[BACKEND].ledger.cancel(job_id)
    return reply.json(jobs.show(await request.app[BACKEND].jobs.get(job_id)))


async def retry(request: web.Request) -> web.Response:
    """A new job with the images of one that has ended."""
    job, terms = await request.app[BACKEND].ledger.again(await jobs.own(request))
    job.trace, job.owner = trace.of(request), call_of(request).caller.owner
    return jobs.accepted(await request.app[BACKEND].jobs.submit(job, terms), "")


async def erase(request: web.Request) -> web.Response:
    """Nothing of the job is left: images, result, record."""
    await request.app[BACKEND].ledger.erase(await jobs.own(request))
    return web.Response(status=204)


async def look(request: web.Request) -> JobRecord:
    """The record, after ``?wait=``. Raises JobNotFound."""
    seconds = min(body.query(request, WaitQuery).wait, request.app[SETTINGS].max_wait_s)
    queue, job_id = request.app[BACKEND].jobs, await jobs.own(request)
    return await (queue.wait(job_id, seconds) if seconds > 0 else queue.get(job_id))


TAG = "Jobs"
TAGGED = {"If-None-Match": "The ETag of the answer that the client has."}
ROUTES = [
    Route(
        *("GET", "/v1/jobs/{id}", get, TAG, "A job as it is now, or when it ends within `wait` seconds."),
        scope="jobs",
        query=WaitQuery,
        headers=TAGGED,
        answer=JobAnswer,
        status=(304, 404),
    ),
    Route(
        *("GET", "/v1/jobs/{id}/result", result, TAG, "A job's result: 202 while there is none, 410 when it expired."),
        scope="jobs",
        query=WaitQuery,
        headers={**TAGGED, "Accept": "`application/json` or `application/msgpack`."},
        answer=JobResultAnswer,
        status=(202, 304, 404, 409, 410),
    ),
    Route(
        *("POST", "/v1/jobs/{id}/cancel", cancel, TAG, "Cancel a job; canceling twice is no error."),
        scope="jobs",
        answer=JobAnswer,
        status=(404, 409),
    ),
    Route(
        *("POST", "/v1/jobs/{id}/retry", retry, TAG, "Run a job that has ended again, as a new job."),
        scope="jobs",
        answer=JobAnswer,
        status=(202, 404, 409),
    ),
    Route(
        "DELETE",
        "/v1/jobs/{id}",
        erase,
        TAG,
        "Erase a job: its images, result and record.",
        status=(204, 404),
        scope="jobs",
    ),
]
