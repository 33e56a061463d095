"""A synchronous request that is told its text while it is written, as server-sent events.

    text    {"input": 0, "text": "..."}   what the text of that image has become longer by
    result  the JSON of the answer without events
    error   {"message", "code"}           instead of it, once a text has begun

The text comes from a job with a record, whose events are passed on; nothing of it is left when the answer ends, however
it ends. A client that leaves thereby ends the job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel

from api_service import sse
from api_service.context import BACKEND, SETTINGS, call_of
from api_service.errors import as_message
from api_service.inference import Wanted, job_of, outputs_of
from api_service.schemas.base import Written
from shared.errors import JobNotFound, VisionfleetError
from shared.jobs import Job, JobEvent, JobResult, Terms

log = structlog.get_logger(__name__)
KEPT_MS = 60_000
"""For which a job outlives its end where the process that should erase it was lost."""


def asked_for(request: web.Request, asked: BaseModel) -> bool:
    """Whether the client wants events: by ``stream``, or by its Accept header."""
    if not isinstance(asked, Written):
        return False
    ranges = (part.partition(";")[0].strip() for part in request.headers.get("Accept", "").lower().split(","))
    return bool(asked.stream) or sse.MEDIA in ranges


async def tell(
    request: web.Request, wanted: Wanted, inputs: Sequence[bytes], shown: Callable[[list[dict[str, Any]]], Any]
) -> web.StreamResponse:
    """Answer with events; ``shown`` makes the answer of the outputs. Until a text begins, what is wrong is raised."""
    job = job_of(request, wanted, inputs)
    with sse.following(request):
        submitting = asyncio.ensure_future(request.app[BACKEND].jobs.submit(job, Terms(result_ttl_ms=KEPT_MS)))
        try:
            await asyncio.shield(submitting)
            return await _relayed(request, wanted, job, shown)
        finally:
            await _forget(request, job, submitting)


async def _relayed(
    request: web.Request, wanted: Wanted, job: Job, shown: Callable[[list[dict[str, Any]]], Any]
) -> web.StreamResponse:
    queue, quiet_s = request.app[BACKEND].jobs, request.app[SETTINGS].event_heartbeat_s
    telling, response = Telling(len(job.inputs)), None
    try:
        async for event in queue.follow(job.id, "", quiet_s):
            told = _told(telling, event)
            if told and (response is not None or event is not None):
                response = response or await sse.opened(request)
                await response.write(told)
        result = (await queue.get(job.id)).result or JobResult(job.id, "failed")
        answer = shown(await outputs_of(request, wanted, _by_input(result)))
    except VisionfleetError as error:
        if response is None:
            raise
        call_of(request).error_code = error.code
        await response.write(sse.event("error", as_message(error)))
        return response
    response = response or await sse.opened(request)
    await response.write(sse.event("result", answer))
    return response


class Telling:
    """The texts as far as they were told. A job that is run again writes the same; it is told from where it was."""

    def __init__(self, inputs: int) -> None:
        self._told = [""] * inputs
        self._new = [""] * inputs

    def again(self) -> None:
        """The texts begin anew."""
        self._new = [""] * len(self._new)

    def more(self, index: int, piece: str) -> str:
        """What the client does not have yet; nothing while the new text is another than the one it has."""
        self._new[index] += piece
        told, new = self._told[index], self._new[index]
        if len(new) <= len(told) or not new.startswith(told):
            return ""
        self._told[index] = new
        return new[len(told) :]


def _told(telling: Telling, event: JobEvent | None) -> bytes:
    """What the client is told of an event of the job."""
    if event is None:
        return sse.HEARTBEAT
    if event.name == "started":
        telling.again()
    if event.name != "text":
        return b""
    index = int(event.data["input"])
    piece = telling.more(index, event.data["text"])
    return sse.event("text", {"input": index, "text": piece}) if piece else b""


def _by_input(result: JobResult) -> list[JobResult]:
    """As jobs of one input each, which is what a synchronous request is otherwise."""
    return [replace(result, outputs=[each], error=None) for each in result.outputs] or [result]


async def _forget(request: web.Request, job: Job, submitting: asyncio.Future[Any]) -> None:
    """Erase the job, which ends it where it still waits or runs."""
    try:
        await submitting
        await request.app[BACKEND].ledger.erase(job.id)
    except JobNotFound:
        pass
    except VisionfleetError as error:  # it was refused, or goes with its time
        log.debug("telling.not_erased", job=job.id, code=error.code)
