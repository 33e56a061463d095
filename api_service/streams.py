"""What the stream routes share: whose a stream is, what is checked before it is accepted, how it is changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from api_service import catalog, jobs, stream_capacity
from api_service.context import SETTINGS, STREAMS, WORKFLOWS, call_of
from api_service.errors import from_pydantic
from api_service.schemas.streams import StreamChange
from shared.errors import Conflict, NotFound, NoWorkerForHardware, StreamNotFound
from shared.streams.records import Stream
from shared.streams.spec import PipelineSpec, WorkflowSpec
from shared.streams.store import not_found
from shared.workflows.store import LOCAL

log = structlog.get_logger(__name__)
TRIES = 5


async def own(request: web.Request, stream_id: str = "") -> Stream:
    """The stream that the path names, when the caller may see it. Raises StreamNotFound."""
    return seen_by(request, await request.app[STREAMS].get(stream_id or request.match_info["id"]))


async def own_or_session(request: web.Request) -> tuple[Stream, bool]:
    """The stream or WebRTC session that the path names, and whether it is a session. Raises StreamNotFound."""
    try:
        return await own(request), False
    except StreamNotFound:
        for one in await request.app[STREAMS].sessions():
            if one.id == request.match_info["id"]:
                return seen_by(request, one), True
        raise


async def terminate(request: web.Request) -> Stream:
    """End the stream or session that the path names. Raises StreamNotFound."""
    stream, session = await own_or_session(request)
    if session:
        await request.app[STREAMS].end_session(stream.id)
    else:
        await request.app[STREAMS].terminate(stream.id)
    return stream


def seen_by(request: web.Request, stream: Stream) -> Stream:
    """The same, when the caller may see it. Raises StreamNotFound."""
    owner = jobs.owner_to_list(request)
    if owner is not None and stream.tenant != owner:
        raise not_found()
    return stream


async def listed(request: web.Request) -> list[Stream]:
    """Every stream that the caller may see."""
    owner = jobs.owner_to_list(request)
    return [one for one in await request.app[STREAMS].all() if owner in (None, one.tenant)]


async def sessions(request: web.Request) -> list[Stream]:
    """Every WebRTC session that the caller may see."""
    owner = jobs.owner_to_list(request)
    return [one for one in await request.app[STREAMS].sessions() if owner in (None, one.tenant)]


async def create(request: web.Request, spec: PipelineSpec, *, probe: bool) -> tuple[Stream, dict[str, Any]]:
    """Check the model, try sinks and sources, accept. Returns the stream and what was seen.

    Raises ModelNotFound, WorkflowNotFound, SourceError, InvalidRequest, StreamsFull, StreamsOverloaded,
    NoStreamService.
    """
    await check_model(request, spec)
    await pin_workflow(request, spec.workflow)
    rights = jobs.rights_of(request)
    seen = await request.app[STREAMS].probe(spec, None, rights) if probe else {}
    await check_capacity(request, spec, seen)
    stream_id = await request.app[STREAMS].create(spec, rights, call_of(request).request_id)
    log.info("stream.submitted", stream=stream_id, request_id=call_of(request).request_id)
    return await request.app[STREAMS].get(stream_id), seen


async def check_model(request: web.Request, spec: PipelineSpec) -> None:
    """Refuse a model that does not exist or that the caller may not use; without workers nobody can tell."""
    if spec.model is None:
        return
    call_of(request).model_id = spec.model.model_id
    try:
        model = catalog.find(await catalog.fleet_of(request), spec.model.model_id)
    except NoWorkerForHardware:
        catalog.check_seen(request, spec.model.model_id)
        return
    spec.model.model_id = model.id


async def check_capacity(
    request: web.Request, spec: PipelineSpec, seen: Mapping[str, Any], before: Stream | None = None
) -> None:
    """Refuse what the workers have no time for; ``before`` is the stream that is changed. Raises StreamsOverloaded."""
    fleet = await catalog.fleet_of(request)
    if before is not None and not stream_capacity.asks_more(fleet, before, spec, seen):
        return
    store = request.app[STREAMS]
    others = [one for one in (*await store.all(), *await store.sessions()) if before is None or one.id != before.id]
    stream_capacity.check(fleet, others, spec, seen, request.app[SETTINGS].stream_min_share)


async def pin_workflow(request: web.Request, workflow: WorkflowSpec | None) -> None:
    """Put a saved workflow's definition in its place.

    A stream that another service takes up must run what it ran before: what is saved later does not count.
    Raises WorkflowNotFound.
    """
    if workflow is None or workflow.specification is not None or not workflow.workflow_id:
        return
    if (workflow.workspace_name or LOCAL) != LOCAL:
        raise NotFound(
            f"There is no workspace {workflow.workspace_name!r} here; saved workflows are in the workspace 'local'."
        )
    sees = jobs.owner_to_list(request)
    found = await request.app[WORKFLOWS].get(workflow.workflow_id, workflow.workflow_version_id, sees)
    workflow.specification = found.definition
    workflow.workspace_name, workflow.workflow_version_id = LOCAL, str(found.version)


async def change(request: web.Request, change: StreamChange) -> Stream:
    """Apply a change to whatever the stream is now. Raises StreamNotFound, Conflict, ValidationFailed, SourceError,
    StreamsOverloaded.
    """
    for _ in range(TRIES):
        stream = await own(request)
        spec, seen = changed(stream.spec, change), dict(stream.status.get("sources", {}))
        await check_model(request, spec)
        rights = dataclasses.replace(jobs.rights_of(request), owner=stream.tenant)
        if spec.workflow != stream.spec.workflow:
            await pin_workflow(request, renamed(stream.spec.workflow, spec.workflow))
        if (spec.sources, spec.sinks, spec.workflow) != (stream.spec.sources, stream.spec.sinks, stream.spec.workflow):
            new = [source.id for source in spec.sources if source not in stream.spec.sources]
            seen |= await request.app[STREAMS].probe(spec, new, rights)
        await check_capacity(request, spec, seen, stream)
        try:
            other = (spec.model, spec.workflow) != (stream.spec.model, stream.spec.workflow)
            await request.app[STREAMS].update(stream.id, spec, stream.version, rights if other else None)
        except Conflict:
            continue
        return await request.app[STREAMS].get(stream.id)
    raise Conflict("The stream is being changed by others; try again.")


def renamed(before: WorkflowSpec | None, after: WorkflowSpec | None) -> WorkflowSpec | None:
    """What was shown comes back with another id or version: then the definition that was shown is out of date."""
    if before is None or after is None or before.specification != after.specification:
        return after
    if (before.workflow_id, before.workflow_version_id) != (after.workflow_id, after.workflow_version_id):
        after.specification = None
    return after


def changed(spec: PipelineSpec, change: StreamChange) -> PipelineSpec:
    """The specification with the given fields replaced. Raises ValidationFailed."""
    given = change.model_dump(exclude_unset=True)
    params = given.pop("params", None)
    if "model" in given and given["model"] is not None:
        given.setdefault("workflow", None)
    if given.get("workflow") is not None:
        given.setdefault("model", None)
    data = {**spec.model_dump(), **given}
    if params is not None and data["model"] is not None:
        data["model"] = {**data["model"], "params": params}
    known = {source.shown: source.reference for source in spec.sources}
    for source in data["sources"]:
        source["reference"] = known.get(source["reference"], source["reference"])
    try:
        return PipelineSpec.model_validate(data)
    except ValidationError as failure:
        raise from_pydantic(failure, "body") from None
