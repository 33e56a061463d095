"""Workflows in the wire contract: run, describe, validate."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api_service import body, reply, workflows
from api_service.context import call_of
from api_service.route import Handler, Route
from api_service.schemas.workflows import (
    AnyObject,
    DescribeBlocks,
    DescribeInterface,
    DescribeSavedInterface,
    InterfaceAnswer,
    RunAnswer,
    RunSavedWorkflow,
    RunWorkflow,
    ValidAnswer,
    VersionsAnswer,
)
from api_service.settings import ApiSettings


async def run(request: web.Request) -> web.Response:
    """Run the definition in the body."""
    wanted = await body.parse(request, RunWorkflow, packs=True)
    return reply.negotiated(request, await workflows.run(request, wanted.specification, wanted))


async def run_saved(request: web.Request) -> web.Response:
    """Run a saved workflow."""
    wanted = await body.parse(request, RunSavedWorkflow, packs=True)
    definition = await _saved(request, wanted.workflow_version_id)
    call_of(request).headers["X-Workflow-Id"] = request.match_info["workflow_id"]  # it is one: it was found
    return reply.negotiated(request, await workflows.run(request, definition, wanted))


async def describe_interface(request: web.Request) -> web.Response:
    """Kinds of the inputs and outputs of the definition in the body."""
    wanted = await body.parse(request, DescribeInterface)
    return reply.json(await workflows.ask(request, "describe_interface", specification=wanted.specification))


async def describe_saved(request: web.Request) -> web.Response:
    """Kinds of the inputs and outputs of a saved workflow."""
    wanted = body.validate(await body.read(request) or b"{}", DescribeSavedInterface)
    definition = await _saved(request, wanted.workflow_version_id)
    return reply.json(await workflows.ask(request, "describe_interface", specification=definition))


async def blocks(request: web.Request) -> web.Response:
    """All blocks, and what fits where."""
    raw = await body.read(request) if request.method == "POST" else b""
    wanted = body.validate(raw or b"{}", DescribeBlocks)
    answer = await workflows.ask(
        request,
        "describe_blocks",
        execution_engine_version=wanted.execution_engine_version,
        dynamic_blocks_definitions=wanted.dynamic_blocks_definitions or [],
    )
    response = reply.json(answer)
    response.enable_compression()
    return response


async def dynamic_outputs(request: web.Request) -> web.Response:
    """The outputs of the step in the body."""
    wanted = await body.parse(request, AnyObject)
    answer = await workflows.ask(request, "dynamic_outputs", step=wanted.model_dump())
    return reply.json(answer["outputs"])


async def validate(request: web.Request) -> web.Response:
    """Whether the definition in the body can be compiled."""
    wanted = await body.parse(request, AnyObject)
    return reply.json(await workflows.ask(request, "validate", specification=wanted.model_dump()))


def asking(do: str) -> Handler:
    """A handler that needs nothing from the request."""

    async def handler(request: web.Request) -> web.Response:
        answer: dict[str, Any] = await workflows.ask(request, do)
        return reply.json(answer)

    return handler


async def _saved(request: web.Request, version: str | None) -> dict[str, Any]:
    workspace, workflow_id = request.match_info["project"], request.match_info["workflow_id"]
    return await workflows.saved(request, workspace, workflow_id, version)


async def run_saved_legacy(request: web.Request) -> web.Response:
    """Run a saved workflow (older path)."""
    return await run_saved(request)


def enabled(settings: ApiSettings) -> bool:
    """Whether the server has these routes."""
    return settings.workflows


TAG = "Workflows"
COMMON: dict[str, Any] = {"tag": TAG, "scope": "infer", "enabled": enabled}
RUN: dict[str, Any] = {
    "answer": RunAnswer,
    "status": (404, 413, 504),
    "also_as": ("application/msgpack",),
    **COMMON,
}
ROUTES = [
    Route("POST", "/workflows/run", run, summary="Run a workflow.", body=RunWorkflow, **RUN),
    Route("POST", "/infer/workflows", run, summary="Run a workflow (older path).", body=RunWorkflow, **RUN),
    Route(
        *("POST", "/{project}/workflows/{workflow_id}", run_saved),
        summary="Run a saved workflow.",
        body=RunSavedWorkflow,
        last=True,
        **RUN,
    ),
    Route(
        *("POST", "/infer/workflows/{project}/{workflow_id}", run_saved_legacy),
        summary="Run a saved workflow (older path).",
        body=RunSavedWorkflow,
        **RUN,
    ),
    Route(
        *("POST", "/workflows/describe_interface", describe_interface),
        summary="Kinds of a workflow's inputs and outputs.",
        body=DescribeInterface,
        answer=InterfaceAnswer,
        **COMMON,
    ),
    Route(
        *("POST", "/{project}/workflows/{workflow_id}/describe_interface", describe_saved),
        summary="Kinds of a saved workflow's inputs and outputs.",
        body=DescribeSavedInterface,
        answer=InterfaceAnswer,
        last=True,
        **COMMON,
    ),
    Route("GET", "/workflows/blocks/describe", blocks, summary="All blocks.", answer=AnyObject, **COMMON),
    Route(
        *("POST", "/workflows/blocks/describe", blocks),
        summary="All blocks, or those for one version.",
        body=DescribeBlocks,
        answer=AnyObject,
        **COMMON,
    ),
    Route(
        *("POST", "/workflows/blocks/dynamic_outputs", dynamic_outputs),
        summary="The outputs of one step as it is configured.",
        body=AnyObject,
        **COMMON,
    ),
    Route(
        *("POST", "/workflows/validate", validate),
        summary="Check a definition.",
        body=AnyObject,
        answer=ValidAnswer,
        **COMMON,
    ),
    Route(
        *("GET", "/workflows/definition/schema", asking("schema")),
        summary="JSON schema of definitions.",
        answer=AnyObject,
        **COMMON,
    ),
    Route(
        *("GET", "/workflows/execution_engine/versions", asking("versions")),
        summary="Versions of the workflow language.",
        answer=VersionsAnswer,
        **COMMON,
    ),
]
