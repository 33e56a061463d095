"""Dead letters: jobs that lost every worker that took them."""

from __future__ import annotations

import re

from aiohttp import web

from api_service import body, jobs, reply, trace
from api_service.context import BACKEND
from api_service.route import Route
from api_service.schemas.jobs import JobAnswer
from api_service.schemas.operations import DeadLetterDetail, DeadLetterList, PageQuery, Purged
from shared.errors import LetterNotFound
from shared.jobs import Terms

LETTER_ID = re.compile(r"\d{1,20}-\d{1,20}")


async def listed(request: web.Request) -> web.Response:
    """One page, newest first."""
    query = body.query(request, PageQuery)
    letters, cursor = await request.app[BACKEND].dead.page(query.limit, query.cursor)
    shown = [
        {
            "id": letter.id,
            "job": letter.job_id,
            "model": letter.model,
            "hardware": letter.hardware,
            "lane": letter.lane,
            "attempts": letter.attempts,
            "bytes": letter.size,
            "buried": jobs.iso(letter.buried_ms),
        }
        for letter in letters
    ]
    return reply.json({"dead_letters": shown, "cursor": cursor or None})


async def get(request: web.Request) -> web.Response:
    """What the job was."""
    job = await request.app[BACKEND].dead.job(id_of(request))
    return reply.json(
        {
            "id": id_of(request),
            "model": job.model,
            "hardware": job.hardware,
            "lane": job.lane,
            "images": [len(image) for image in job.inputs],
            "params": job.params,
            "metadata": job.metadata,
            "trace": job.trace,
        }
    )


async def retry(request: web.Request) -> web.Response:
    """Run it again as a new asynchronous job; the letter is gone once that is accepted."""
    backend, letter_id = request.app[BACKEND], id_of(request)
    job = await backend.dead.job(letter_id)
    job.timeout_ms = max(job.timeout_ms, 60_000)  # a synchronous caller's limit would be too short for a second life
    job.trace = trace.of(request)
    record = await backend.jobs.submit(job, Terms(idempotency_key=f"dead letter {letter_id}", fingerprint="0"))
    await backend.dead.drop(letter_id)
    return jobs.accepted(record, "")


async def drop(request: web.Request) -> web.Response:
    """Throw one away."""
    await request.app[BACKEND].dead.drop(id_of(request))
    return web.Response(status=204)


async def purge(request: web.Request) -> web.Response:
    """Throw all away."""
    return reply.json({"purged": await request.app[BACKEND].dead.purge()})


def id_of(request: web.Request) -> str:
    """The id in the path. Raises LetterNotFound for what cannot be one."""
    letter_id = request.match_info["id"]
    if not LETTER_ID.fullmatch(letter_id):
        raise LetterNotFound("There is no dead letter with this id.")
    return letter_id


TAG = "Operations"
ONE = "/v1/dead-letters/{id}"
ROUTES = [
    Route(
        *("GET", "/v1/dead-letters", listed, TAG, "Jobs that lost every worker, newest first."),
        scope="admin",
        query=PageQuery,
        answer=DeadLetterList,
    ),
    Route("DELETE", "/v1/dead-letters", purge, TAG, "Throw all dead letters away.", answer=Purged, scope="admin"),
    Route(
        "GET", ONE, get, TAG, "A dead letter without its images.", answer=DeadLetterDetail, status=(404,), scope="admin"
    ),
    Route("DELETE", ONE, drop, TAG, "Throw a dead letter away.", status=(204, 404), scope="admin"),
    Route(
        *("POST", f"{ONE}/retry", retry, TAG, "Run a dead letter again, as a new job."),
        scope="admin",
        answer=JobAnswer,
        status=(202, 404),
    ),
]
