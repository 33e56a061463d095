"""Saved workflows: ``/v1/workflows``. Saving an id again makes its next version; versions are never changed."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import yaml
from aiohttp import web

from api_service import body, jobs, reply, workflows
from api_service.context import WORKFLOWS, call_of
from api_service.route import Route
from api_service.schemas.workflows import SaveWorkflow, VersionQuery, WorkflowAnswer, WorkflowList
from api_service.settings import ApiSettings
from shared.errors import InvalidRequest
from shared.webhooks.payload import iso
from shared.workflows.store import SavedWorkflow


async def create(request: web.Request) -> web.Response:
    """Save a workflow under its id, or one made up."""
    wanted = await body.parse(request, SaveWorkflow)
    return await _save(request, wanted.id or uuid.uuid4().hex[:12], wanted)


async def replace(request: web.Request) -> web.Response:
    """Save the next version."""
    return await _save(request, request.match_info["workflow_id"], await body.parse(request, SaveWorkflow))


async def get(request: web.Request) -> web.Response:
    """One version, the newest unless another is asked for."""
    version = body.query(request, VersionQuery).version
    found = await request.app[WORKFLOWS].get(request.match_info["workflow_id"], version, jobs.owner_to_list(request))
    return reply.json({**summary(found), "definition": found.definition})


async def listed(request: web.Request) -> web.Response:
    """All that the caller may see."""
    found = await request.app[WORKFLOWS].listed(jobs.owner_to_list(request))
    return reply.json({"workflows": [summary(one) for one in found]})


async def delete(request: web.Request) -> web.Response:
    """Remove all versions."""
    await request.app[WORKFLOWS].delete(request.match_info["workflow_id"], jobs.owner_to_list(request))
    return web.Response(status=204)


async def _save(request: web.Request, workflow_id: str, wanted: SaveWorkflow) -> web.Response:
    definition = plain(wanted.definition)
    if wanted.check:
        await workflows.ask(request, "validate", specification=definition)
    store = request.app[WORKFLOWS]
    owner, steers_all = call_of(request).caller.owner, jobs.owner_to_list(request) is None
    number = await store.save(workflow_id, wanted.name, definition, owner, replace=steers_all)
    found = await store.get(workflow_id, str(number))
    response = reply.json({**summary(found), "definition": definition}, status=201)
    response.headers["Location"] = f"/v1/workflows/{workflow_id}"
    return response


def plain(definition: dict[str, Any] | str) -> dict[str, Any]:
    """A definition that may be JSON or YAML text. Raises InvalidRequest."""
    if isinstance(definition, dict):
        return definition
    try:
        loaded = yaml.safe_load(definition)
        orjson.dumps(loaded)
    except (yaml.YAMLError, TypeError) as error:
        raise InvalidRequest(f"The definition is neither JSON nor YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise InvalidRequest("A definition is an object with inputs, steps and outputs.")
    return loaded


def summary(found: SavedWorkflow) -> dict[str, Any]:
    """A saved workflow without its definition."""
    return {
        "id": found.id,
        "name": found.name,
        "version": found.version,
        "versions": list(found.versions),
        "created": iso(found.created_ms),
    }


def enabled(settings: ApiSettings) -> bool:
    """Whether the server has these routes."""
    return settings.workflows


TAG = "Workflows"
ROUTES = [
    Route(
        *("POST", "/v1/workflows", create, TAG, "Save a workflow."),
        body=SaveWorkflow,
        answer=WorkflowAnswer,
        scope="models",
        status=(409, 413),
        enabled=enabled,
    ),
    Route(
        *("GET", "/v1/workflows", listed, TAG, "List saved workflows."),
        answer=WorkflowList,
        scope="infer",
        enabled=enabled,
    ),
    Route(
        *("GET", "/v1/workflows/{workflow_id}", get, TAG, "A saved workflow."),
        query=VersionQuery,
        answer=WorkflowAnswer,
        scope="infer",
        status=(404,),
        enabled=enabled,
    ),
    Route(
        *("PUT", "/v1/workflows/{workflow_id}", replace, TAG, "Save the next version of a workflow."),
        body=SaveWorkflow,
        answer=WorkflowAnswer,
        scope="models",
        status=(404, 409, 413),
        enabled=enabled,
    ),
    Route(
        *("DELETE", "/v1/workflows/{workflow_id}", delete, TAG, "Delete a saved workflow."),
        scope="models",
        status=(404,),
        enabled=enabled,
    ),
]
