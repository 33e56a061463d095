"""Batches: thousands of images behind one request, with progress and partial results."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web

from api_service import body, catalog, fetching, jobs, reply, uploads, workflows
from api_service.context import BATCH_SETTINGS, BATCHES, SETTINGS, call_of
from api_service.route import Route
from api_service.schemas.batches import BatchAnswer, BatchesAnswer, BatchesQuery, BatchRequest, ResultsQuery
from shared import keys
from shared.batches.batch import Batch, BatchNotFound
from shared.batches.settings import BatchSettings
from shared.batches.store import Item
from shared.egress import check
from shared.errors import InvalidRequest, NoWorkerForHardware, TooLarge, VisionfleetError
from shared.jobs import new_id
from shared.queue.records import result_from
from shared.webhooks.payload import iso

ID = re.compile(r"[0-9a-f]{32}")
PAGE = 500
FOLLOW_S = 0.25
NDJSON = "application/x-ndjson"


async def submit(request: web.Request) -> web.Response:
    """Accept a batch; a worker begins to split it within a second."""
    batch_id = new_id()
    settings, folder = request.app[BATCH_SETTINGS], request.app[BATCH_SETTINGS].uploads / batch_id
    if request.content_type != "multipart/form-data":
        wanted = await body.parse(request, BatchRequest)
        batch, names = await plan(request, batch_id, wanted, given(wanted, settings))
        return accepted(await request.app[BATCHES].create(batch, names))
    upload = await uploads.receive(request, folder, settings)
    try:
        wanted = body.validate(upload.fields.get("batch", ""), BatchRequest)
        batch, names = await plan(request, batch_id, wanted, uploaded(wanted, upload))
        return accepted(await request.app[BATCHES].create(batch, names))
    except VisionfleetError:
        await uploads.discard(folder)
        raise


async def get(request: web.Request) -> web.Response:
    """The batch as it is now."""
    return reply.json(show(await own(request)))


async def batches(request: web.Request) -> web.Response:
    """One page of batches."""
    query = body.query(request, BatchesQuery)
    found, cursor = await request.app[BATCHES].page(query.limit, query.cursor)
    owner = jobs.owner_to_list(request)
    return reply.json({"batches": [show(batch) for batch in found if owner in (None, batch.owner)], "next": cursor})


async def cancel(request: web.Request) -> web.Response:
    """End the batch; what has a result keeps it."""
    batch = await request.app[BATCHES].cancel((await own(request)).id)
    await uploads.discard(request.app[BATCH_SETTINGS].uploads / batch.id)
    return reply.json(show(batch))


async def results(request: web.Request) -> web.StreamResponse:
    """The results so far, one JSON object per line."""
    query = body.query(request, ResultsQuery)
    batch = await own(request)
    response = web.StreamResponse(headers={"Content-Type": NDJSON, "Cache-Control": "no-store"})
    await response.prepare(request)
    async for lines in pages(request, batch, query):
        await response.write(lines)
    await response.write_eof()
    return response


async def pages(request: web.Request, batch: Batch, query: ResultsQuery) -> AsyncIterator[bytes]:
    """Lines in the order in which results came; with ``follow`` until the batch is over."""
    store, after, left = request.app[BATCHES], query.after, query.limit
    while left is None or left > 0:
        over = batch.done  # looked at first: what came before the end must not be missed
        found = await store.results(batch, after, PAGE if left is None else min(left, PAGE))
        if found:
            after = found[-1].number
            left = None if left is None else left - len(found)
            yield b"".join(line(batch, item) for item in found)
        elif over or not query.follow:
            return
        else:
            await asyncio.sleep(FOLLOW_S)
            batch = await store.get(batch.id)


def line(batch: Batch, item: Item) -> bytes:
    """One result as a line of NDJSON."""
    result = result_from(batch.job_id(item.index), item.state, item.result)
    output: dict[str, Any] = result.outputs[0] if result.outputs else {}
    shown = {
        "number": item.number,
        "index": item.index,
        "source": item.name or None,
        "state": item.state,
        "output": output.get("output"),
        "error": output.get("error") or result.error,
        "timings": result.timings,
    }
    if batch.kind == "video":
        shown["frame"] = item.index * int(batch.source.get("every", 1))
    return reply.dumps(shown) + b"\n"


async def plan(
    request: web.Request, batch_id: str, wanted: BatchRequest, source: tuple[dict[str, Any], list[str]]
) -> tuple[Batch, list[str]]:
    """The batch and the names of its items. Refuses what nobody can run unless the caller is ready to wait."""
    params = wanted.params
    if wanted.workflow is not None:
        params = await workflows.batch_params(request, wanted.workflow, check=not wanted.allow_pending)
    model, hardware = await target(request, wanted)
    settings = request.app[SETTINGS]
    described, names = source
    batch = Batch(
        id=batch_id,
        model=model,
        hardware=hardware,
        source=described,
        params=params,
        metadata=wanted.metadata,
        timeout_ms=int((wanted.timeout or settings.job_timeout_s) * 1000),
        result_ttl_ms=int((wanted.result_ttl or settings.result_ttl_s) * 1000),
        total=len(names) if names else None,
        owner=call_of(request).caller.owner,
    )
    return batch, names


async def target(request: web.Request, wanted: BatchRequest) -> tuple[str, str]:
    """Model id and hardware to queue under. What was uploaded already waits for a model that is being fetched."""
    if wanted.workflow is not None:
        if not wanted.allow_pending:
            await workflows.check_workers(request, wanted.hardware)
        return keys.WORKFLOW_QUEUE, wanted.hardware
    catalog.check_id(wanted.model)
    uploaded = request.content_type == "multipart/form-data"
    try:
        _, model = await fetching.find(
            request, wanted.model, wait_s=request.app[SETTINGS].load_timeout_s if uploaded else 0.0
        )
    except NoWorkerForHardware:
        if not wanted.allow_pending:
            raise
        return catalog.check_seen(request, wanted.model), wanted.hardware
    call_of(request).model_id = model.id
    return model.id, catalog.place(model, wanted.hardware, allow_pending=wanted.allow_pending)


def given(wanted: BatchRequest, settings: BatchSettings) -> tuple[dict[str, Any], list[str]]:
    """Source and items of a JSON request. Raises InvalidRequest, TooLarge."""
    chosen = [name for name in ("urls", "folder", "video") if getattr(wanted, name) is not None]
    if len(chosen) != 1:
        raise InvalidRequest("Give one of 'urls', 'folder' and 'video', or send files as multipart.")
    if wanted.urls is not None:
        return {"kind": "urls"}, checked_urls(wanted.urls, settings)
    path = wanted.folder or wanted.video or ""
    inside = os.path.normpath(path)
    if not Path(inside).is_absolute() or not any(Path(inside).is_relative_to(root) for root in settings.batch_folders):
        raise InvalidRequest("The path is in no folder that batches may read (VISIONFLEET_BATCH_FOLDERS).")
    return {"kind": chosen[0], "path": inside, "every": wanted.every}, []


def uploaded(wanted: BatchRequest, upload: uploads.Upload) -> tuple[dict[str, Any], list[str]]:
    """Source and items of a multipart request. Raises InvalidRequest."""
    if not upload.names or wanted.urls or wanted.folder or wanted.video:
        raise InvalidRequest("A multipart batch has file parts ('image', 'zip' or 'video'), and no other source.")
    if upload.part == "image":
        return {"kind": "files"}, upload.names
    return {"kind": upload.part, "uploaded": True, "every": wanted.every}, []


def checked_urls(urls: list[str], settings: BatchSettings) -> list[str]:
    """The URLs, when they may be fetched. Raises TooLarge, EgressRefused, InvalidRequest."""
    if not settings.url_input:
        raise InvalidRequest("Images by URL are switched off on this server (VISIONFLEET_URL_INPUT). Send files.")
    if len(urls) > settings.batch_max_items:
        limit = settings.batch_max_items
        raise TooLarge(f"The batch holds {len(urls)} images; the limit is {limit} (VISIONFLEET_BATCH_MAX_ITEMS).")
    for url in urls:
        check(url, settings.egress)
    return urls


def accepted(batch: Batch) -> web.Response:
    """202 with where to look."""
    response = reply.json(show(batch), status=202)
    response.headers["Location"] = f"/v1/batches/{batch.id}"
    response.headers["Retry-After"] = "1"
    return response


def show(batch: Batch) -> dict[str, Any]:
    """The batch as the API tells it."""
    return {
        "id": batch.id,
        "state": batch.state,
        "source": batch.kind,
        "model": batch.model,
        "hardware": batch.hardware,
        "total": batch.total,
        "done": batch.ended,
        "failed": batch.failed,
        "rate": overall_rate(batch) if batch.done else batch.rate,
        "eta": batch.eta_s,
        "created": iso(batch.created_ms),
        "started": iso(batch.started_ms),
        "finished": iso(batch.finished_ms),
        "metadata": batch.metadata,
        "error": batch.error,
        "results_url": f"/v1/batches/{batch.id}/results",
    }


def overall_rate(batch: Batch) -> float:
    """Images per second over the batch's whole life."""
    spent_ms = (batch.finished_ms or 0) - (batch.started_ms or 0)
    return round(batch.ended * 1000 / spent_ms, 3) if batch.started_ms and spent_ms > 0 else 0.0


async def own(request: web.Request) -> Batch:
    """The batch that the path names, when the caller may see it. Raises BatchNotFound."""
    batch, owner = await request.app[BATCHES].get(id_of(request)), jobs.owner_to_list(request)
    if owner is not None and batch.owner != owner:
        raise BatchNotFound("There is no batch with this id.")
    return batch


def id_of(request: web.Request) -> str:
    """The batch that the path names. Raises BatchNotFound."""
    name = request.match_info["id"]
    if not ID.fullmatch(name):
        raise BatchNotFound("There is no batch with this id.")
    return name


TAG = "Batches"
ROUTES = [
    Route(
        *("POST", "/v1/batches", submit, TAG, "Submit many images: URLs, files, a zip, a folder or a video."),
        scope="jobs",
        body=BatchRequest,
        also_as=("multipart/form-data",),
        answer=BatchAnswer,
        status=(202, 404, 413),
    ),
    Route(
        "GET",
        "/v1/batches",
        batches,
        TAG,
        "Batches, newest first.",
        query=BatchesQuery,
        answer=BatchesAnswer,
        scope="jobs",
    ),
    Route(
        "GET",
        "/v1/batches/{id}",
        get,
        TAG,
        "A batch and its progress.",
        answer=BatchAnswer,
        status=(404,),
        scope="jobs",
    ),
    Route(
        *("GET", "/v1/batches/{id}/results", results, TAG, "The results so far, one JSON object per line."),
        scope="jobs",
        query=ResultsQuery,
        status=(404,),
    ),
    Route(
        "POST", "/v1/batches/{id}/cancel", cancel, TAG, "End a batch.", answer=BatchAnswer, status=(404,), scope="jobs"
    ),
]
