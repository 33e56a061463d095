"""Asynchronous jobs: ``POST /v1/jobs``, ``GET /v1/jobs/{id}``.

A 202 means that the job's record and its place in the queue are in Redis. Images that cannot be had (bad base64, a URL
that does not answer) refuse the whole request; one that turns out undecodable in the worker fails alone, in its place
among the outputs.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from aiohttp import web

from api_service import body, catalog, images, multipart, prefer, reply
from api_service.context import BACKEND, SETTINGS, call_of
from api_service.route import Route
from api_service.schemas.base import OneOrMoreImages
from api_service.schemas.jobs import JobAnswer, JobRequest, WaitQuery
from shared.errors import InvalidImage, InvalidRequest, JobNotFound, NoWorkerForHardware
from shared.jobs import Job, JobRecord, JobResult

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
POLL_AGAIN_S = "1"


async def submit(request: web.Request) -> web.Response:
    """Accept a job; answer it finished when ``Prefer: wait=N`` sufficed."""
    if request.content_type == "multipart/form-data":
        wanted, inputs = await from_form(request)
    else:
        wanted = await body.parse(request, JobRequest)
        inputs = []
    model, hardware = await target(request, wanted)
    inputs = inputs or await images.load_all(request, as_list(wanted.image))
    settings, jobs = request.app[SETTINGS], request.app[BACKEND].jobs
    job = Job(
        model=model,
        inputs=inputs,
        params=wanted.params,
        hardware=hardware,
        lane=wanted.priority,
        timeout_ms=int((wanted.timeout or settings.job_timeout_s) * 1000),
        metadata=wanted.metadata,
        trace={"request_id": call_of(request).request_id},
    )
    record = await jobs.submit(job)
    seconds = prefer.wait_seconds(",".join(request.headers.getall("Prefer", [])), settings.max_wait_s)
    if seconds > 0:
        record = await jobs.wait(record.id, seconds)
    return accepted(record, seconds)


async def get(request: web.Request) -> web.Response:
    """The job as it is now, or when it ends within ``?wait=`` seconds."""
    job_id = request.match_info["id"]
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound("There is no job with this id.")
    seconds = min(body.query(request, WaitQuery).wait, request.app[SETTINGS].max_wait_s)
    jobs = request.app[BACKEND].jobs
    record = await (jobs.wait(job_id, seconds) if seconds > 0 else jobs.get(job_id))
    response = reply.json(show(record))
    if not record.done:
        response.headers["Retry-After"] = POLL_AGAIN_S
    return response


async def from_form(request: web.Request) -> tuple[JobRequest, list[bytes]]:
    """The ``job`` field and the ``image`` files of a multipart request."""
    form = await multipart.read(request)
    wanted = body.validate(form.fields.get("job") or _only_file(form, "job"), JobRequest)
    files = form.files.get("image", [])
    if not files or wanted.image is not None:
        raise InvalidRequest("A multipart job has its images as file parts named 'image', and none in the job field.")
    images.check_count(request, len(files))
    for index, file in enumerate(files):
        if not file:
            raise images.at_index(InvalidImage("The image file is empty."), index)
    return wanted, files


async def target(request: web.Request, wanted: JobRequest) -> tuple[str, str]:
    """Model id and hardware to queue under; refuses what nobody can run unless the caller is ready to wait."""
    catalog.check_id(wanted.model)
    fleet = await request.app[BACKEND].fleet.snapshot()
    try:
        model = catalog.find(fleet, wanted.model)
    except NoWorkerForHardware:
        if not wanted.allow_pending:
            raise
        return wanted.model, wanted.hardware
    call_of(request).model_id = model.id
    call_of(request).cold_start = not model.loaded_on
    return model.id, catalog.place(model, wanted.hardware, allow_pending=wanted.allow_pending)


def as_list(image: OneOrMoreImages | None) -> list[Any]:
    """The image or images as a list. Raises InvalidRequest when there is none."""
    if image is None:
        raise InvalidRequest("The job has no image; give `image`, or send multipart with file parts named 'image'.")
    return image if isinstance(image, list) else [image]


def accepted(record: JobRecord, waited: float) -> web.Response:
    """200 for a job that is over, else 202 with where and when to look again."""
    response = reply.json(show(record), status=200 if record.done else 202)
    response.headers["Location"] = f"/v1/jobs/{record.id}"
    if not record.done:
        response.headers["Retry-After"] = POLL_AGAIN_S
    if waited > 0:
        response.headers["Preference-Applied"] = prefer.applied(waited)
    return response


def show(record: JobRecord) -> dict[str, Any]:
    """The record as the API tells it."""
    result = record.result or JobResult(record.id, record.state)
    return {
        "id": record.id,
        "state": record.state,
        "created": iso(record.created_ms),
        "started": iso(record.started_ms),
        "finished": iso(record.finished_ms),
        "attempt": record.attempt,
        "worker": record.worker or None,
        "hardware": result.hardware or record.hardware,
        "lane": record.lane,
        "model": {"id": record.model, "digest": result.model.get("digest")},
        "metadata": record.metadata,
        "timings": result.timings,
        "batch": result.batch or None,
        "outputs": result.outputs,
        "error": result.error,
    }


def iso(milliseconds: int | None) -> str | None:
    """ISO 8601 in UTC of a time in ms since the epoch."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds")


def _only_file(form: multipart.Form, name: str) -> bytes:
    if len(form.files.get(name, [])) != 1:
        raise InvalidRequest(f"The multipart request has no field named {name!r} with the job as JSON.")
    return form.files[name][0]


TAG = "Jobs"
ROUTES = [
    Route(
        *("POST", "/v1/jobs", submit, TAG, "Submit a job: 202 when accepted, 200 when done within `Prefer: wait=N`."),
        body=JobRequest,
        answer=JobAnswer,
        status=(202, 404, 413),
    ),
    Route(
        *("GET", "/v1/jobs/{id}", get, TAG, "A job as it is now, or when it ends within `wait` seconds."),
        query=WaitQuery,
        answer=JobAnswer,
        status=(404,),
    ),
]
