"""Asynchronous jobs as the API tells them, and the answers around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import sha1
from typing import Any

from aiohttp import web

from api_service import reply
from api_service.context import BACKEND, SETTINGS, call_of
from shared.access.rights import Rights
from shared.errors import JobNotFound
from shared.jobs import JobRecord, JobResult

POLL_AGAIN_S = "1"
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def summary(record: JobRecord) -> dict[str, Any]:
    """The record without what came out."""
    return {
        "id": record.id,
        "state": record.state,
        "created": iso(record.created_ms),
        "started": iso(record.started_ms),
        "finished": iso(record.finished_ms),
        "expires": iso(record.expires_ms),
        "position": record.position,
        "progress": {"done": record.images_done, "images": record.images},
        "attempt": record.attempt,
        "worker": record.worker or None,
        "hardware": record.hardware,
        "lane": record.lane,
        "model": {"id": record.model, "digest": None},
        "metadata": record.metadata,
    }


def show(record: JobRecord) -> dict[str, Any]:
    """The whole record."""
    result = record.result or JobResult(record.id, record.state)
    return {
        **summary(record),
        "hardware": result.hardware or record.hardware,
        "model": {"id": record.model, "digest": result.model.get("digest")},
        "timings": result.timings,
        "batch": result.batch or None,
        "outputs": result.outputs,
        "error": result.error,
        "webhook": record.webhook,
        "trace": record.trace,
    }


def outcome(record: JobRecord) -> dict[str, Any]:
    """What came out, and nothing else."""
    full = show(record)
    return {name: full[name] for name in ("id", "state", "model", "timings", "batch", "outputs")}


def accepted(record: JobRecord, applied: str) -> web.Response:
    """200 for a job that is over, else 202 with where and when to look again."""
    response = reply.json(show(record), status=200 if record.done else 202)
    response.headers["Location"] = f"/v1/jobs/{record.id}"
    if not record.done:
        response.headers["Retry-After"] = POLL_AGAIN_S
    if applied:
        response.headers["Preference-Applied"] = applied
    response.headers["Vary"] = "Prefer"
    return response


def tagged(request: web.Request, response: web.Response) -> web.Response:
    """The answer with an entity tag, or 304 when the client has that one already."""
    body = response.body if isinstance(response.body, bytes) else b""
    etag = f'"{sha1(body, usedforsecurity=False).hexdigest()}"'
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if etag in known or "*" in known:
        response = web.Response(status=304, headers=_kept(response.headers))
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def id_of(request: web.Request) -> str:
    """The id in the path. Raises JobNotFound for what cannot be one."""
    job_id = request.match_info["id"]
    if not JOB_ID.fullmatch(job_id):
        raise JobNotFound("There is no job with this id.")
    return job_id


async def own(request: web.Request) -> str:
    """The id in the path, when the caller may see that job. Raises JobNotFound."""
    job_id, owner = id_of(request), owner_to_list(request)
    if owner is not None and (await request.app[BACKEND].jobs.get(job_id)).owner != owner:
        raise JobNotFound("There is no job with this id.")
    return job_id


def owner_to_list(request: web.Request) -> str | None:
    """Whose jobs the caller sees; None for everybody's: to administrators, and when tenants are not kept apart."""
    caller = call_of(request).caller
    return None if caller.is_admin or not request.app[SETTINGS].multi_tenant else caller.owner


def rights_of(request: web.Request) -> Rights:
    """What the caller may use, for work that goes on without it."""
    caller = call_of(request).caller
    return Rights(caller.owner, owner_to_list(request), () if caller.key is None else caller.key.models)


def iso(milliseconds: int | None) -> str | None:
    """ISO 8601 in UTC of a time in ms since the epoch."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="milliseconds")


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in ("Retry-After", "Vary") if name in headers}
